"""A company's own identity provider lets a client in for a person: ID-JAGs as grants."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from pytest_django import Settings

from controlplane import outbound
from controlplane.accounts.models import Identity
from controlplane.composition.models import Endpoint
from controlplane.issuer.client_metadata import JWT_BEARER
from controlplane.issuer.models import Grant, UsedAssertion
from controlplane.providers import metadata
from controlplane.providers.models import Provider
from mcp_runtime.authorization.access_tokens import unverified_issuer
from tenants.context import acting_for
from tenants.models import Membership
from tests.controlplane.issuer.conftest import Answer, Flow
from tests.controlplane.providers.conftest import add
from tests.controlplane.providers.standins.base import Standin, running
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db

SUBJECT = "ben-at-the-provider"


@pytest.fixture
def provider(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, flow: Flow, cast: Cast
) -> Iterator[Standin]:
    """Acme's provider, by which Ben has signed in before; and a client that has a secret for this grant."""
    settings.STOA_FETCH_NETWORKS = ["127.0.0.0/8"]
    metadata.forget_everything()
    with running(Standin(), tmp_path) as standin:
        monkeypatch.setenv("SSL_CERT_FILE", str(standin.certificate))
        outbound._tls.cache_clear()
        add(cast, standin)
        with acting_for(cast.acme.id):
            Identity.objects.create(issuer=standin.issuer, subject=SUBJECT, user=cast.ben)
        registered = flow.register(grant_types=[JWT_BEARER], token_endpoint_auth_method="client_secret_post")
        assert registered.status_code == 201, registered.content
        yield standin
    metadata.forget_everything()
    outbound._tls.cache_clear()


Bring = Callable[..., Answer]


@pytest.fixture
def bring(flow: Flow, provider: Standin) -> Bring:
    """Bring an assertion that is right but for these claims; None leaves one out."""

    def bring(header: dict[str, Any] | None = None, key: RSAKey | ECKey | None = None, **changes: Any) -> Answer:
        return flow.token(grant_type=JWT_BEARER, assertion=assertion(flow, provider, header, key, **changes))

    return bring


def assertion(
    flow: Flow,
    provider: Standin,
    header: dict[str, Any] | None = None,
    key: RSAKey | ECKey | None = None,
    **changes: Any,
) -> str:
    now = int(time.time())
    claims = {
        "iss": provider.issuer,
        "sub": SUBJECT,
        "aud": flow.issuer,
        "client_id": flow.client_id,
        "resource": flow.resource,
        "scope": "mcp:call",
        "jti": str(uuid4()),
        "iat": now,
        "exp": now + 300,
        **changes,
    }
    said = {"alg": "RS256", "kid": provider.key.kid, "typ": "oauth-id-jag+jwt", **(header or {})}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(said, kept, key or provider.key, algorithms=[said["alg"]])


@pytest.mark.protocol("EMA-01", "EMA-03")
def test_an_assertion_becomes_a_token_for_its_endpoint(bring: Bring, flow: Flow, cast: Cast) -> None:
    answer = bring()

    assert answer.status_code == 200, answer.content
    tokens = answer.json()
    assert tokens.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert tokens["scope"] == "mcp:call"
    assert answer["Cache-Control"] == "no-store"
    assert unverified_issuer(tokens["access_token"]) == flow.issuer
    with acting_for(cast.acme.id):
        login = Grant.objects.get()
    assert (login.user, login.resource) == (cast.ben, flow.resource)
    assert (login.expires_at - timezone.now()).total_seconds() <= tokens["expires_in"]


@pytest.mark.protocol("EMA-02")
def test_the_grant_is_advertised(flow: Flow) -> None:
    said = flow.program.get(f"/.well-known/oauth-authorization-server/t/{flow.tenant}").json()

    assert said["authorization_grant_profiles_supported"] == ["urn:ietf:params:oauth:grant-profile:id-jag"]
    assert JWT_BEARER in said["grant_types_supported"]


@pytest.mark.protocol("EMA-03")
@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example"},
        {"aud": None},
        {"client_id": "cli_of_someone_else"},
        {"client_id": None},
        {"resource": "https://elsewhere.example/mcp"},
        {"resource": None},
        {"resource": {}},
        {"iss": "https://another-provider.example"},
        {"iss": "\0"},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"iat": 1},
        {"jti": None},
        {"jti": ""},
        {"scope": "everything"},
        {"scope": {}},
        {"header": {"typ": "JWT"}},
        {"header": {"kid": "another"}},
        {"header": {"jku": "https://evil.example/keys"}},
        {"key": RSAKey.generate_key(2048, {"kid": "one"})},
    ],
)
def test_one_that_is_wrong_in_anything_is_refused(bring: Bring, cast: Cast, changes: dict[str, Any]) -> None:
    answer = bring(**changes)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    with acting_for(cast.acme.id):
        assert not Grant.objects.exists()


@pytest.mark.protocol("EMA-03")
@pytest.mark.parametrize("junk", ["", "x", "a.b.c", "é.é.é", "eyJhbGciOiJub25lIn0..", "." * 40_000])
def test_what_is_no_assertion_is_refused(flow: Flow, provider: Standin, junk: str) -> None:
    answer = flow.token(grant_type=JWT_BEARER, assertion=junk)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.protocol("EMA-03")
def test_one_works_once(flow: Flow, provider: Standin, cast: Cast) -> None:
    once = assertion(flow, provider)

    first, second = (flow.token(grant_type=JWT_BEARER, assertion=once) for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 400)
    assert second.json()["error"] == "invalid_grant"
    with acting_for(cast.acme.id):
        assert UsedAssertion.objects.count() == 1


@pytest.mark.protocol("EMA-03")
def test_one_that_never_ends_works_once_as_well(flow: Flow, provider: Standin) -> None:
    endless = assertion(flow, provider, exp=10**12)

    answers = [flow.token(grant_type=JWT_BEARER, assertion=endless).status_code for _ in range(2)]

    assert answers == [200, 400]


@pytest.mark.protocol("EMA-04")
def test_a_stranger_with_a_members_address_is_nobody(bring: Bring, cast: Cast) -> None:
    answer = bring(sub="someone-else", email=cast.ben.email, email_verified=True)

    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.protocol("EMA-03")
def test_who_left_the_tenant_is_refused(bring: Bring, cast: Cast) -> None:
    with acting_for(cast.acme.id):
        Membership.objects.get(user=cast.ben).delete()

    assert bring().json()["error"] == "invalid_grant"


@pytest.mark.protocol("EMA-03")
def test_a_provider_that_is_switched_off_vouches_for_nobody(bring: Bring, cast: Cast) -> None:
    with acting_for(cast.acme.id):
        Provider.objects.update(enabled=False)

    assert bring().json()["error"] == "invalid_grant"


@pytest.mark.protocol("EMA-03", "O-15")
def test_another_tenants_provider_vouches_for_nobody_here(bring: Bring, flow: Flow, cast: Cast) -> None:
    with acting_for(cast.globex.id):
        Endpoint.objects.create(slug="weather")
    flow.tenant = "globex"
    flow.register(grant_types=[JWT_BEARER], token_endpoint_auth_method="client_secret_post")

    assert bring().json()["error"] == "invalid_grant"


@pytest.mark.protocol("EMA-01")
def test_a_client_without_its_secret_is_refused(bring: Bring, flow: Flow) -> None:
    flow.client_secret = "a guess"

    assert bring().status_code == 401


@pytest.mark.protocol("EMA-01")
def test_a_client_that_did_not_register_for_it_is_refused(bring: Bring, flow: Flow) -> None:
    flow.register(token_endpoint_auth_method="client_secret_post")

    assert bring().json()["error"] == "unauthorized_client"


def test_a_public_client_cannot_register_for_it(flow: Flow) -> None:
    assert flow.register(grant_types=[JWT_BEARER]).status_code == 400


@pytest.mark.protocol("EMA-03")
def test_another_resource_in_the_request_is_refused(flow: Flow, provider: Standin) -> None:
    answer = flow.token(grant_type=JWT_BEARER, assertion=assertion(flow, provider), resource=f"{flow.issuer}/other/mcp")

    assert answer.json()["error"] == "invalid_target"
