"""API keys, tokens in a table, tokens asked about at their issuer (FASTMCP A-10, A-15)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest

from mcp_runtime.framework.auth.errors import ProviderUnavailable, WrongSetting
from mcp_runtime.framework.auth.providers.apikey import APIKeyProvider
from mcp_runtime.framework.auth.providers.introspection import IntrospectionTokenVerifier
from mcp_runtime.framework.auth.providers.jwt import StaticTokenVerifier
from tests.mcp_runtime.framework.auth.web import bearer, challenge, site

KEYS = {"key1": {"user": "admin", "scopes": ["read", "write"]}, "key2": {"user": "ben", "scopes": ["read"]}}


@pytest.mark.fastmcp("A-10", status="document")
@pytest.mark.parametrize("headers", [bearer("key1"), {"x-api-key": "key1"}])
async def test_an_api_key_comes_as_a_bearer_token_or_in_its_own_header(headers: dict[str, str]) -> None:
    async with site(APIKeyProvider(api_keys=KEYS)) as client:
        answer = await client.post("/mcp", headers=headers)

    assert answer.json()["user"] == "admin"
    assert answer.json()["sub"] == "admin"
    assert answer.json()["scopes"] == ["read", "write"]


@pytest.mark.fastmcp("A-10", "A-11", status="document")
async def test_an_unknown_key_is_401_and_a_key_without_the_scope_403() -> None:
    async with site(APIKeyProvider(api_keys=KEYS, required_scopes=["write"])) as client:
        unknown = await client.post("/mcp", headers={"x-api-key": "key"})
        narrow = await client.post("/mcp", headers={"x-api-key": "key2"})

    assert (unknown.status_code, narrow.status_code) == (401, 403)
    assert challenge(narrow)["scope"] == "write"


async def test_keys_may_be_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTMCP_SERVER_AUTH_APIKEY_API_KEYS", "one,two")

    assert await APIKeyProvider(["one"]).verify_token("one") is not None
    assert await APIKeyProvider().verify_token("two") is not None


@pytest.mark.parametrize(("keys", "reason"), [({}, "knows no key"), ("key1", "is one text"), ({"": {}}, "is empty")])
def test_keys_that_would_let_everybody_or_nobody_in_are_refused(keys: Any, reason: str) -> None:
    with pytest.raises(WrongSetting, match=reason):
        APIKeyProvider(api_keys=keys)


@pytest.mark.fastmcp("A-10")
async def test_a_static_token_has_its_client_scopes_and_claims() -> None:
    verifier = StaticTokenVerifier(tokens={"t": {"client_id": "ada", "scopes": ["a"], "team": "blue"}})

    found = await verifier.verify_token("t")

    assert found is not None
    assert (found.client_id, found.scopes, found.claims["team"]) == ("ada", ["a"], "blue")
    assert await verifier.verify_token("T") is None


class AuthorizationServer:
    """RFC 7662: answers about tokens, to a client that proves who it is."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Any]] = {}
        self.asked = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        by_basic = request.headers.get("authorization") == "Basic bWU6cyUzQWNyJTJCdA=="  # me:s%3Acr%2Bt
        by_post = (form.get("client_id"), form.get("client_secret")) == ("me", "s:cr+t")
        if not (by_basic or by_post):
            return httpx2.Response(401, json={"error": "invalid_client"})
        return httpx2.Response(200, json=self.known.get(form["token"], {"active": False}))

    def verifier(self, **options: Any) -> IntrospectionTokenVerifier:
        return IntrospectionTokenVerifier(
            introspection_url="https://login.example.com/introspect",
            client_id="me",
            client_secret=options.pop("client_secret", "s:cr+t"),
            http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(self)),
            **options,
        )


Ask = Callable[..., IntrospectionTokenVerifier]


@pytest.mark.fastmcp("A-15")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_introspection_says_who_an_opaque_token_speaks_for(method: str) -> None:
    server = AuthorizationServer()
    server.known["opaque"] = {"active": True, "client_id": "cli", "scope": "read write", "sub": "ada", "aud": "weather"}
    verifier = server.verifier(client_auth_method=method, audience="weather")

    found = await verifier.verify_token("opaque")

    assert found is not None
    assert (found.client_id, found.scopes, found.subject) == ("cli", ["read", "write"], "ada")
    assert await verifier.verify_token("revoked") is None


@pytest.mark.parametrize("said", [{"active": "true"}, {"active": True, "exp": 1}, {"active": True, "aud": ["other"]}])
async def test_an_answer_that_is_not_plainly_yes_is_no(said: dict[str, Any]) -> None:
    server = AuthorizationServer()
    server.known["opaque"] = said

    assert await server.verifier(audience="weather").verify_token("opaque") is None


@pytest.mark.parametrize("exp", ["soon", None, [], 10**400])
async def test_an_expiry_that_is_no_number_breaks_nothing(exp: Any) -> None:
    server = AuthorizationServer()
    server.known["opaque"] = {"active": True, "exp": exp}

    assert await server.verifier().verify_token("opaque") is not None


async def test_an_endpoint_that_refuses_us_says_nothing_about_the_token() -> None:
    with pytest.raises(ProviderUnavailable, match="answered 401"):
        await AuthorizationServer().verifier(client_secret="wrong").verify_token("opaque")


async def test_answers_are_kept_only_where_the_author_asks_for_it() -> None:
    server = AuthorizationServer()
    server.known["opaque"] = {"active": True}
    forgetful, keeping = server.verifier(), server.verifier(cache_ttl_seconds=60)

    for verifier in (forgetful, forgetful, keeping, keeping):
        assert await verifier.verify_token("opaque") is not None

    assert server.asked == 3
