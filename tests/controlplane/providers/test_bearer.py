"""Tokens of an issuer that a tenant trusts, at the tenant's endpoints."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import mcp
import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from joserfc.jwk import RSAKey
from mcp.client.streamable_http import streamable_http_client
from pytest_django import Settings

from controlplane.providers import metadata, services
from controlplane.providers.bearer import WithTrustedIssuers, principal_for
from controlplane.providers.models import Provider
from tenants.context import acting_for
from tests.controlplane.issuer.house import House, opened
from tests.controlplane.providers.conftest import add, wanted
from tests.controlplane.providers.standins.base import Reply, Standin
from tests.support.cast import Cast

AUDIENCE = "https://mcp.acme.example"
RULES = [
    {"match": "group", "value": "auditors", "role": "auditor"},
    {"match": "group", "value": "robots", "role": "operator"},
]


def trust(cast: Cast, standin: Standin, **settings: str) -> Provider:
    given = {"issuer": standin.issuer, "jwks_uri": f"{standin.url}/jwks", "audience": AUDIENCE, **settings}
    return add(cast, standin, "robots", kind="jwt", client_secret=None, client_id="", settings=given, rules=RULES)


def token(standin: Standin, **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": standin.issuer, "aud": AUDIENCE, "sub": "robot-7", "iat": now, "exp": now + 300}
    said = {**claims, "groups": ["robots"], "client_id": "robot-7", **changes}
    return standin.sign({name: value for name, value in said.items() if value is not None})


@pytest.fixture
def issuer(standin: Standin, cast: Cast) -> Standin:
    trust(cast, standin)
    return standin


@pytest.mark.django_db
def test_a_token_is_somebody_with_the_role_that_the_rules_give(issuer: Standin, cast: Cast) -> None:
    principal = principal_for(token(issuer), "acme")

    assert principal is not None
    assert (principal.tenant, principal.issuer, principal.subject) == (cast.acme.id, issuer.issuer, "robot-7")
    assert principal.scopes == frozenset({"mcp:call"})
    assert principal.roles == frozenset({"operator"})
    assert principal.kind == "client"


@pytest.mark.django_db
@pytest.mark.protocol("A-06", "A-07")
@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://mcp.globex.example"},
        {"aud": None},
        {"aud": []},
        {"exp": 946_684_800},
        {"exp": None},
        {"nbf": 4_102_444_800},  # 2100: the run may be long
        {"iss": "https://other.example"},
        {"iss": None},
        {"sub": None},
        {"groups": ["nobody"]},
        {"groups": None},
        {"hasgroups": True},
    ],
)
def test_a_token_that_says_something_else_is_nobodys(issuer: Standin, changes: dict[str, Any]) -> None:
    assert principal_for(token(issuer, **changes), "acme") is None


@pytest.mark.django_db
def test_a_role_that_may_not_call_gives_no_right_to(issuer: Standin) -> None:
    principal = principal_for(token(issuer, groups=["auditors"]), "acme")

    assert principal is not None
    assert principal.scopes == frozenset()


@pytest.mark.django_db
def test_a_token_counts_in_the_tenant_that_trusts_its_issuer_only(issuer: Standin) -> None:
    assert [principal_for(token(issuer), tenant) for tenant in ("globex", "nowhere")] == [None, None]


@pytest.mark.django_db
def test_a_token_signed_by_another_key_or_algorithm_is_nobodys(standin: Standin, cast: Cast) -> None:
    trust(cast, standin, algorithms="ES256")
    assert principal_for(token(standin), "acme") is None

    with acting_for(cast.acme.id):
        Provider.objects.update(settings={**Provider.objects.get().settings, "algorithms": "RS256"})
    assert principal_for(token(standin), "acme") is not None
    stranger = Standin(url=standin.url, key=RSAKey.generate_key(2048, {"kid": "one"}))
    assert principal_for(token(stranger), "acme") is None


@pytest.mark.django_db
def test_a_switched_off_issuer_counts_no_longer(issuer: Standin, cast: Cast) -> None:
    with acting_for(cast.acme.id):
        services.disable_provider("robots", acting=None)

    assert principal_for(token(issuer), "acme") is None


@pytest.mark.django_db
def test_many_tokens_fetch_the_keys_once_and_unknown_keys_once_in_a_while(issuer: Standin) -> None:
    for number in range(20):
        principal_for(token(issuer, sub=f"robot-{number}"), "acme")
    known = sum(one.path == "/jwks" for one in issuer.asked)
    issuer.key = RSAKey.generate_key(2048, {"kid": "unknown"})
    for _ in range(20):
        principal_for(token(issuer), "acme")

    assert known == 1
    assert sum(one.path == "/jwks" for one in issuer.asked) == 1  # fetched just now


@pytest.mark.django_db
def test_keys_that_are_known_go_on_counting_while_the_issuer_is_away(
    issuer: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert principal_for(token(issuer), "acme") is not None
    issuer.replies["/jwks"] = Reply(503)
    now = metadata._keys._now()
    later = iter([now + 7200.0, now + 200_000.0])
    moment = [next(later)]
    monkeypatch.setattr(metadata._keys, "_now", lambda: moment[0])

    assert principal_for(token(issuer), "acme") is not None
    moment[0] = next(later)
    assert principal_for(token(issuer), "acme") is None


@pytest.mark.django_db
def test_its_test_is_to_fetch_the_keys(standin: Standin, cast: Cast, client: Client) -> None:
    given = {"issuer": standin.issuer, "jwks_uri": f"{standin.url}/jwks", "audience": AUDIENCE}
    with acting_for(cast.acme.id):
        services.create_provider("robots", wanted(standin, kind="jwt", client_id="", settings=given), acting=None)
    client.force_login(cast.ada)
    here = "/api/v1/tenants/acme/identity-providers/robots"
    standin.replies["/jwks"] = Reply(body={"keys": []})

    failed = client.post(f"{here}/check").json()
    early = client.post(f"{here}/enable").status_code
    del standin.replies["/jwks"]
    metadata.forget_everything()
    passed = client.post(f"{here}/check").json()

    assert (failed["succeeded"], early) == (False, 409)
    assert passed["succeeded"]
    assert client.post(f"{here}/enable").json()["enabled"]


@pytest.mark.django_db
def test_nobody_signs_in_by_it(issuer: Standin, client: Client) -> None:
    assert client.get("/sign-in/acme/robots/").status_code == 403
    assert b"robots" not in client.get("/login/", {"next": "/tenants/acme/"}).content


@pytest.fixture
async def house(settings: Settings, cast: Cast) -> AsyncIterator[House]:
    async with opened(settings, cast) as house:
        principals: Any = house.gateway._principals
        principals._credentials = WithTrustedIssuers(principals._credentials)
        yield house


@pytest.fixture
def _without_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens to the broker."""
    monkeypatch.setattr("celery.app.task.Task.delay", lambda self, **ids: None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_without_a_worker")
async def test_a_program_calls_an_endpoint_with_its_issuers_token(standin: Standin, house: House, cast: Cast) -> None:
    await sync_to_async(trust)(cast, standin)
    good = {"authorization": f"Bearer {token(standin)}"}

    async with (
        httpx2.AsyncClient(headers=good, timeout=30) as http,
        mcp.Client(streamable_http_client(house.endpoint, http_client=http)) as client,
    ):
        called = await client.call_tool("get_forecast", {})
    async with httpx2.AsyncClient(timeout=30) as http:
        headers = {"authorization": f"Bearer {token(standin, aud='another')}"}
        refused = await http.post(house.endpoint, json={}, headers=headers)

    assert called.content[0].text == "sunny"  # type: ignore[union-attr]
    assert [caller.subject for caller in house.callers] == ["robot-7"]
    assert refused.status_code == 401
