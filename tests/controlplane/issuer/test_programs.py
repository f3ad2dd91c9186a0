"""Programs without people: OAuth client credentials."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client

from controlplane.composition.models import Endpoint
from controlplane.issuer.models import Client as Program
from controlplane.issuer.models import Grant
from controlplane.issuer.trust import revoked_lately, signers_of
from mcp_runtime.authorization.access_tokens import Issuer
from tenants.context import acting_for
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db

PROGRAMS = "/api/v1/tenants/acme/programs"


@pytest.fixture
def developer(cast: Cast, weather: Endpoint, client: Client) -> Client:
    client.force_login(cast.ben)
    return client


@pytest.fixture
def program(developer: Client) -> dict[str, Any]:
    answer = developer.post(PROGRAMS, {"name": "nightly", "endpoint": "weather"}, content_type="application/json")
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def token(program: dict[str, Any], *, tenant: str = "acme", secret: str | None = None, **form: str) -> Any:
    pair = f"{program['client_id']}:{secret or program['client_secret']}"
    return Client().post(
        f"/t/{tenant}/oauth/token",
        urlencode({"grant_type": "client_credentials", **form}),
        content_type="application/x-www-form-urlencoded",
        headers={"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"},
    )


@pytest.mark.protocol("CC-01")
def test_a_program_gets_a_token_for_its_endpoint(program: dict[str, Any], weather: Endpoint) -> None:
    answer = token(program)

    assert answer.status_code == 200
    body = answer.json()
    assert "refresh_token" not in body
    issuer = Issuer(signers_of(["acme"])["acme"])
    claims = issuer.claims(body["access_token"])
    assert claims is not None
    principal = issuer.principal(claims)
    assert principal.kind == "client"
    assert (principal.subject, principal.audience) == (program["client_id"], weather.id)
    assert principal.scopes == {"mcp:call"}
    assert principal.roles == frozenset()


def test_many_tokens_are_one_login(program: dict[str, Any], cast: Cast) -> None:
    tokens = {token(program).json()["access_token"] for _ in range(3)}

    assert len(tokens) == 3
    with acting_for(cast.acme.id):
        assert Grant.objects.count() == 1


@pytest.mark.protocol("CC-01", "O-03")
def test_for_no_other_endpoint(program: dict[str, Any], cast: Cast) -> None:
    with acting_for(cast.acme.id):
        Endpoint.objects.create(slug="maps")

    own = token(program, resource=f"{settings.STOA_PUBLIC_URL}/t/acme/weather/mcp")
    other = token(program, resource=f"{settings.STOA_PUBLIC_URL}/t/acme/maps/mcp")

    assert own.status_code == 200
    assert (other.status_code, other.json()["error"]) == (400, "invalid_target")


@pytest.mark.protocol("O-06", "O-16")
def test_a_wrong_secret_and_another_tenant_are_refused_alike(program: dict[str, Any]) -> None:
    wrong = token(program, secret="stoa_cs_wrong")
    elsewhere = token(program, tenant="globex")

    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert (elsewhere.status_code, elsewhere.json()["error"]) == (401, "invalid_client")


def test_more_than_there_is_to_give_is_refused(program: dict[str, Any]) -> None:
    assert token(program, scope="mcp:call tenant:write").json()["error"] == "invalid_scope"


@pytest.mark.protocol("O-01")
def test_it_logs_nobody_in(program: dict[str, Any], developer: Client) -> None:
    page = developer.get(f"/t/acme/oauth/authorize?response_type=code&client_id={program['client_id']}")

    assert page.status_code == 400


def test_it_is_listed_without_its_secret_and_removed_with_its_tokens(
    program: dict[str, Any], developer: Client, cast: Cast
) -> None:
    token(program)

    (listed,) = developer.get(PROGRAMS).json()
    removed = developer.delete(f"{PROGRAMS}/{program['client_id']}")
    again = developer.delete(f"{PROGRAMS}/{program['client_id']}")

    assert (listed["name"], listed["endpoint"]) == ("nightly", "weather")
    assert "client_secret" not in listed
    assert (removed.status_code, again.status_code) == (204, 404)
    assert token(program).json()["error"] == "invalid_client"
    assert [one.subject for one in revoked_lately(60)] == [program["client_id"]]


def test_in_an_incident_they_go_with_the_keys(program: dict[str, Any], cast: Cast) -> None:
    owner = Client()
    owner.force_login(cast.ada)

    answer = owner.post("/api/v1/tenants/acme/revocations", {"keys": True}, content_type="application/json")

    assert answer.json()["keys"] == 1
    with acting_for(cast.acme.id):
        assert not Program.objects.exists()


def test_one_cannot_be_made_for_an_endpoint_that_is_not_there(developer: Client) -> None:
    answer = developer.post(PROGRAMS, {"name": "nightly", "endpoint": "nothing"}, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (404, "endpoint_not_found")
