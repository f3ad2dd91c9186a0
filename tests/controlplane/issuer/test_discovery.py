"""Where clients find an issuer, and what they read there."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from controlplane.issuer import signing
from controlplane.issuer.urls import serves
from tenants.context import acting_for
from tenants.models import Tenant
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db

PLACES = [
    "/.well-known/oauth-authorization-server/t/acme",
    "/.well-known/openid-configuration/t/acme",
    "/t/acme/.well-known/openid-configuration",
    "/t/acme/.well-known/oauth-authorization-server",
]


@pytest.mark.protocol("D-11", "D-12", "D-13", "O-14")
@pytest.mark.parametrize("place", PLACES)
def test_the_metadata_is_the_same_at_every_place(client: Client, cast: Cast, place: str) -> None:
    answer = client.get(place)

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Cache-Control"] == "public, max-age=300"
    document = answer.json()
    issuer = f"{settings.STOA_PUBLIC_URL}/t/acme"
    assert document["issuer"] == issuer
    assert document["authorization_endpoint"] == f"{issuer}/oauth/authorize"
    assert document["token_endpoint"] == f"{issuer}/oauth/token"
    assert document["response_types_supported"] == ["code"]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert "none" in document["token_endpoint_auth_methods_supported"]
    assert "offline_access" not in document["scopes_supported"]
    assert document["client_id_metadata_document_supported"] is True
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document == client.get(PLACES[0]).json()


@pytest.mark.protocol("A-04")
def test_addresses_do_not_follow_the_request_headers(client: Client, cast: Cast) -> None:
    answer = client.get(PLACES[0], headers={"host": "127.0.0.1", "x-forwarded-host": "evil.example"})

    assert b"evil.example" not in answer.content


@pytest.mark.protocol("A-02", "A-03", "A-14")
def test_the_resource_says_who_issues_its_tokens(client: Client, cast: Cast) -> None:
    answer = client.get("/.well-known/oauth-protected-resource/t/acme/weather/mcp")

    assert answer.status_code == 200
    assert answer.json() == {
        "resource": f"{settings.STOA_PUBLIC_URL}/t/acme/weather/mcp",
        "authorization_servers": [f"{settings.STOA_PUBLIC_URL}/t/acme"],
        "scopes_supported": ["mcp:call"],
        "bearer_methods_supported": ["header"],
        "resource_name": "weather of acme",
    }


@pytest.mark.protocol("A-02")
@pytest.mark.parametrize("place", ["/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server"])
def test_the_root_describes_no_tenant(client: Client, cast: Cast, place: str) -> None:
    assert client.get(place).status_code == 404


@pytest.mark.protocol("A-11")
def test_unknown_and_suspended_tenants_have_no_issuer(client: Client, cast: Cast) -> None:
    with acting_for(cast.acme.id):
        Tenant.objects.update(status=Tenant.Status.SUSPENDED)

    suspended = client.get("/t/acme/oauth/jwks")
    unknown = client.get("/t/nowhere/oauth/jwks")

    assert (
        (suspended.status_code, suspended.content) == (unknown.status_code, unknown.content) == (404, unknown.content)
    )


def test_the_key_set_has_public_keys_only(client: Client, cast: Cast) -> None:
    answer = client.get("/t/acme/oauth/jwks")

    (key,) = answer.json()["keys"]
    assert key.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    assert client.get("/t/acme/oauth/jwks").json() == answer.json()


def test_each_tenant_signs_with_its_own_key(client: Client, cast: Cast) -> None:
    acme, globex = (client.get(f"/t/{name}/oauth/jwks").json()["keys"] for name in ("acme", "globex"))

    assert acme[0]["x"] != globex[0]["x"]


@pytest.mark.parametrize("name", ["token", "revoke", "introspect", "register"])
def test_other_origins_may_ask_first(client: Client, cast: Cast, name: str) -> None:
    asked = client.options(f"/t/acme/oauth/{name}", headers={"origin": "https://inspector.example"})
    wrong = client.get(f"/t/acme/oauth/{name}")

    assert asked.status_code == 204
    assert asked["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in asked
    assert wrong.status_code == 405


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("/t/acme/oauth/token", True),
        ("/t/acme/oauth/register/cli_1", True),
        ("/t/acme/.well-known/openid-configuration", True),
        ("/t/acme/weather/mcp", False),
        ("/t/acme/oauth/mcp", False),  # an endpoint may be named so
        ("/t/acme/oauth", False),
    ],
)
def test_issuers_leave_endpoints_to_the_gateway(path: str, ours: bool) -> None:
    assert serves(path) is ours


def test_a_key_set_is_kept_by_others_no_longer_than_a_new_key_waits() -> None:
    assert signing.LEAD.total_seconds() > signing.JWKS_SECONDS
