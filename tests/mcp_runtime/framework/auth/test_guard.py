"""What the door of a standalone server answers (FASTMCP A-11; PROTOCOL 5.1)."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from mcp_runtime.framework.auth import AccessToken, MultiAuth, RemoteAuthProvider, TokenVerifier
from mcp_runtime.framework.auth.errors import ProviderUnavailable, WrongSetting
from mcp_runtime.framework.auth.providers.debug import DebugTokenVerifier
from mcp_runtime.framework.auth.providers.jwt import StaticTokenVerifier
from tests.mcp_runtime.framework.auth.web import BASE, bearer, challenge, site

TOKENS: dict[str, dict[str, Any]] = {
    "good": {"client_id": "ada", "scopes": ["read"]},
    "old": {"client_id": "ada", "expires_at": 1},
}
METADATA = f"{BASE}/.well-known/oauth-protected-resource/mcp"


def verifier(*scopes: str) -> StaticTokenVerifier:
    return StaticTokenVerifier(TOKENS, required_scopes=scopes, base_url=BASE)


@pytest.mark.protocol("A-01")
@pytest.mark.fastmcp("A-11")
async def test_without_a_token_the_answer_is_401_with_the_way_to_the_metadata() -> None:
    async with site(verifier()) as client:
        answer = await client.post("/mcp")

    assert answer.status_code == 401
    assert challenge(answer) == {"resource_metadata": METADATA}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.protocol("A-01", "A-07")
@pytest.mark.fastmcp("A-11")
@pytest.mark.parametrize("token", ["wrong", "old", "x" * 20_000])
async def test_a_token_that_is_not_valid_is_401_invalid_token(token: str) -> None:
    async with site(verifier()) as client:
        answer = await client.post("/mcp", headers=bearer(token))

    assert answer.status_code == 401
    assert answer.json()["error"] == challenge(answer)["error"] == "invalid_token"
    assert challenge(answer)["resource_metadata"] == METADATA


@pytest.mark.protocol("A-09")
@pytest.mark.fastmcp("A-11", status="safer")
async def test_a_missing_scope_is_403_with_all_the_scopes_that_are_needed() -> None:
    async with site(verifier("read", "write")) as client:
        answer = await client.post("/mcp", headers=bearer("good"))

    assert answer.status_code == 403
    assert challenge(answer) == {
        "error": "insufficient_scope",
        "error_description": "The token lacks the scope write.",
        "scope": "read write",
        "resource_metadata": METADATA,
    }


@pytest.mark.protocol("A-05")
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_every_method_is_guarded(method: str) -> None:
    async with site(verifier()) as client:
        refused = await client.request(method, "/mcp", headers={"mcp-session-id": "known"})
        let_in = await client.request(method, "/mcp", headers=bearer("good"))

    assert (refused.status_code, let_in.status_code) == (401, 200)
    assert let_in.json()["client_id"] == "ada"


@pytest.mark.protocol("A-05")
async def test_a_token_in_the_url_is_refused_even_if_it_is_good() -> None:
    async with site(verifier()) as client:
        answer = await client.post("/mcp?access_token=good", headers=bearer("good"))

    assert answer.status_code == 400


@pytest.mark.fastmcp("A-11")
async def test_without_a_base_url_the_challenge_names_no_metadata() -> None:
    async with site(StaticTokenVerifier(TOKENS)) as client:
        answer = await client.post("/mcp", headers={"host": "evil.example"})

    assert answer.status_code == 401
    assert challenge(answer) == {}


async def test_when_nobody_can_verify_the_token_it_is_not_called_invalid() -> None:
    class Unreachable(TokenVerifier):
        async def verify_token(self, token: str) -> AccessToken | None:
            raise ProviderUnavailable("down")

    async with site(Unreachable()) as client:
        answer = await client.post("/mcp", headers=bearer("good"))

    assert answer.status_code == 503
    assert "www-authenticate" not in answer.headers


async def test_a_websocket_without_a_token_is_closed() -> None:
    sent = []

    async def send(message: object) -> None:
        sent.append(message)

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def app(*_: object) -> None:
        raise AssertionError("the guard let it through")

    await verifier().protect(app)({"type": "websocket", "headers": []}, receive, send)

    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.protocol("A-02", "A-03", "A-14")
@pytest.mark.fastmcp("A-12", "A-15")
async def test_a_remote_provider_serves_the_resources_metadata() -> None:
    provider = RemoteAuthProvider(
        StaticTokenVerifier(TOKENS, ["read"]),
        authorization_servers=["https://login.example.com/"],
        base_url=BASE + "/",
        scopes_supported=["read", "offline_access"],
        resource_name="Weather",
    )

    async with site(provider, "/api/mcp") as client:
        answer = await client.get("/.well-known/oauth-protected-resource/api/mcp", headers={"origin": "https://x.y"})
        refused = await client.post("/api/mcp")

    assert answer.json() == {
        "resource": f"{BASE}/api/mcp",
        "authorization_servers": ["https://login.example.com/"],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["read"],
        "resource_name": "Weather",
    }
    assert answer.headers["access-control-allow-origin"] == "*"
    assert challenge(refused)["resource_metadata"] == f"{BASE}/.well-known/oauth-protected-resource/api/mcp"


@pytest.mark.protocol("A-02")
def test_a_server_at_the_root_has_its_metadata_at_the_root() -> None:
    provider = RemoteAuthProvider(StaticTokenVerifier(TOKENS), ["https://login.example.com"], BASE)

    provider.set_mcp_path("/")

    assert provider.resource_url == BASE
    assert provider.resource_metadata_url == f"{BASE}/.well-known/oauth-protected-resource"


async def test_a_page_may_be_asked_for_its_head_and_its_options_but_not_changed() -> None:
    provider = RemoteAuthProvider(StaticTokenVerifier(TOKENS), ["https://login.example.com"], BASE)
    path = "/.well-known/oauth-protected-resource/mcp"

    async with site(provider) as client:
        statuses = [(await client.request(method, path)).status_code for method in ("HEAD", "OPTIONS", "PUT")]

    assert statuses == [200, 204, 405]


@pytest.mark.fastmcp("A-15", status="later")
async def test_multi_auth_accepts_what_any_of_its_sources_accepts() -> None:
    provider = MultiAuth(
        server=RemoteAuthProvider(StaticTokenVerifier(TOKENS), ["https://login.example.com"], BASE),
        verifiers=[StaticTokenVerifier({"machine": {"client_id": "robot"}})],
    )

    async with site(provider) as client:
        answers = [await client.post("/mcp", headers=bearer(token)) for token in ("good", "machine", "neither")]

    assert [answer.status_code for answer in answers] == [200, 200, 401]
    assert challenge(answers[2])["resource_metadata"] == METADATA


async def test_multi_auth_says_which_scope_a_valid_token_lacks_and_lets_no_narrow_one_in() -> None:
    narrow = StaticTokenVerifier({"t": {"client_id": "a", "scopes": ["read"]}}, ["read", "write"])
    demanding = MultiAuth(verifiers=[narrow], required_scopes=["write"])
    lenient = MultiAuth(verifiers=[narrow])

    answers = []
    for provider in (demanding, lenient):
        async with site(provider) as client:
            answers.append((await client.post("/mcp", headers=bearer("t"))).status_code)

    assert answers == [403, 401]


@pytest.mark.fastmcp("A-15")
async def test_the_debug_verifier_asks_the_authors_function() -> None:
    async def validate(token: str) -> bool:
        return token.startswith("dev-")

    provider = DebugTokenVerifier(validate, client_id="dev", scopes=["all"])

    found = await provider.verify_token("dev-1")
    assert found is not None
    assert (found.client_id, found.scopes) == ("dev", ["all"])
    assert await provider.verify_token("other") is None


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(WrongSetting, match=r"base_url='mcp\.example\.com' is not an address"):
        StaticTokenVerifier({}, base_url="mcp.example.com")


def test_a_token_does_not_show_in_a_log() -> None:
    assert "secret" not in repr(AccessToken("secret", "ada", []))


async def test_a_parameter_given_twice_is_refused() -> None:
    provider = RemoteAuthProvider(StaticTokenVerifier(TOKENS), ["https://login.example.com"], BASE)

    async with site(provider) as client:
        answer: httpx2.Response = await client.get("/.well-known/oauth-protected-resource/mcp?a=1&a=2")

    assert answer.status_code == 400
