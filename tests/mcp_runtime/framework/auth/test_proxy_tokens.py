"""What an OAuth proxy gives, keeps and finds out (FASTMCP A-13, A-14, B-07, B-09; PROTOCOL O-01, O-07)."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mcp_runtime.framework.auth.errors import WrongSetting
from mcp_runtime.framework.auth.grants import digest
from mcp_runtime.framework.auth.oauth_proxy import OAuthProxy
from mcp_runtime.framework.auth.providers.github import GitHubProvider
from mcp_runtime.framework.auth.providers.google import GoogleProvider
from mcp_runtime.framework.storage import DiskStore, MemoryStore
from tests.mcp_runtime.framework.auth import identity
from tests.mcp_runtime.framework.auth.identity import CLIENT_ID, CLIENT_SECRET
from tests.mcp_runtime.framework.auth.logins import McpClient, answer_in
from tests.mcp_runtime.framework.auth.people import Person, person_at
from tests.mcp_runtime.framework.auth.proxies import Rotating, all_files, called, openid, proxy
from tests.mcp_runtime.framework.auth.web import BASE, bearer, site

# What clients get.


@pytest.mark.fastmcp("A-13", status="safer")
async def test_the_client_gets_tokens_of_this_server_and_never_the_providers(ada: Person) -> None:
    tokens = await ada.log_in()

    assert ada.idp.tokens
    for upstream in (*ada.idp.tokens, *ada.idp.refresh_tokens, CLIENT_SECRET):
        assert upstream not in str(tokens)
    assert await called(ada, next(iter(ada.idp.tokens))) == 401


@pytest.mark.fastmcp("A-13")
@pytest.mark.protocol("A-06")
async def test_a_token_is_good_for_this_endpoint_only() -> None:
    idp, store = Rotating(), MemoryStore()
    async with person_at(proxy(idp, store), idp) as person, site(proxy(idp, store), "/other") as other:
        token = (await person.log_in())["access_token"]
        elsewhere = await other.post("/other", headers=bearer(token))

        assert await called(person, token) == 200
        assert elsewhere.status_code == 401


@pytest.mark.protocol("A-14")
async def test_a_refresh_token_opens_nothing(ada: Person) -> None:
    assert await called(ada, (await ada.log_in())["refresh_token"]) == 401


async def test_a_token_that_was_changed_is_refused(ada: Person) -> None:
    head, body, signature = (await ada.log_in())["access_token"].split(".")

    assert await called(ada, f"{head}.{body[:-2]}AA.{signature}") == 401


@pytest.mark.fastmcp("A-13")
@pytest.mark.protocol("O-01")
async def test_a_code_works_once_and_a_replay_ends_what_it_gave(ada: Person) -> None:
    code = answer_in(await ada.come_back(await ada.decide(await ada.consent_page())))["code"]
    token = (await ada.client.exchange(code)).json()["access_token"]
    assert await called(ada, token) == 200

    replay = await ada.client.exchange(code)

    assert replay.json()["error"] == "invalid_grant"
    assert await called(ada, token) == 401


@pytest.mark.fastmcp("A-13")
@pytest.mark.protocol("O-07")
async def test_refreshing_twice_at_the_same_time_works_and_a_late_reuse_ends_the_login() -> None:
    idp = Rotating()
    provider = proxy(idp)
    async with person_at(provider, idp) as person:
        first = (await person.log_in())["refresh_token"]
        siblings = [(await person.client.refresh(first)).json() for _ in range(2)]
        assert [await called(person, each["access_token"]) for each in siblings] == [200, 200]

        record = await provider.store.refresh_tokens.get(first)
        assert record is not None
        await provider.store.refresh_tokens.put(first, record | {"used_at": time.time() - 91}, seconds=60)
        late = await person.client.refresh(first)

        assert late.json()["error"] == "invalid_grant"
        assert await called(person, siblings[0]["access_token"]) == 401
        assert (await person.client.refresh(siblings[1]["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_refresh_token_of_another_client_is_refused(ada: Person) -> None:
    token = (await ada.log_in())["refresh_token"]
    thief = McpClient(ada.browser)
    await thief.register(client_name="Thief")

    assert (await thief.refresh(token)).json()["error"] == "invalid_grant"


async def test_a_narrowed_token_has_only_what_it_kept() -> None:
    idp = Rotating()
    provider = proxy(idp, valid_scopes=["user", "repo"])
    async with person_at(provider, idp) as person:
        wide = await person.log_in(scope="user repo")
        narrow = (await person.client.refresh(wide["refresh_token"], scope="user")).json()
        seen = (await person.browser.post("/mcp", headers=bearer(narrow["access_token"]))).json()

    assert narrow["scope"] == "user"
    assert seen["scopes"] == ["user"]


async def test_revoking_ends_the_login() -> None:
    idp = identity.Google()
    provider = GoogleProvider(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        base_url=BASE,
        http_client=idp.client(),
        client_storage=MemoryStore(),
    )
    async with person_at(provider, idp) as person:
        tokens = await person.log_in()
        form = {"client_id": person.client.client_id, "token": tokens["access_token"]}
        assert (await person.browser.post("/revoke", data=form)).status_code == 200

        assert await called(person, tokens["access_token"]) == 401
        assert (await person.client.refresh(tokens["refresh_token"])).status_code == 400

    assert len(idp.revoked) == 1


# The provider's tokens, inside.


async def test_an_expired_token_of_the_provider_is_renewed_once_behind_the_clients_back() -> None:
    class Short(Rotating):
        seconds = -1

    idp = Short()
    async with person_at(proxy(idp, fastmcp_access_token_expiry_seconds=600), idp) as person:
        token = (await person.log_in())["access_token"]
        idp.seconds = 28800  # type: ignore[misc]  # from now on
        statuses = await asyncio.gather(*(called(person, token) for _ in range(5)))

    assert statuses == [200] * 5
    assert len(idp.tokens) == 2


async def test_a_login_that_the_provider_ended_is_over_here_too() -> None:
    class Short(Rotating):
        seconds = -1

    idp = Short()
    async with person_at(proxy(idp, fastmcp_access_token_expiry_seconds=600), idp) as person:
        tokens = await person.log_in()
        idp.refresh_tokens.clear()

        assert await called(person, tokens["access_token"]) == 401
        assert (await person.client.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_provider_that_is_down_makes_no_token_invalid(ada: Person) -> None:
    token = (await ada.log_in())["access_token"]

    ada.idp.down = True

    assert await called(ada, token) == 503
    ada.idp.down = False
    assert await called(ada, token) == 200


# What is kept.


@pytest.mark.fastmcp("A-13", "B-07", "B-09", status="safer")
async def test_a_store_of_the_author_sees_no_token_code_secret_or_client(tmp_path: Path) -> None:
    idp = Rotating()
    async with person_at(proxy(idp, DiskStore(directory=tmp_path)), idp) as person:
        tokens = await person.log_in()

    kept = all_files(tmp_path)
    secrets = [*idp.tokens, *idp.refresh_tokens, tokens["access_token"], tokens["refresh_token"], CLIENT_SECRET]
    assert kept
    for secret in (*secrets, person.client.client_id, "Test client", "127.0.0.1"):
        assert secret.encode() not in kept
    assert digest(tokens["refresh_token"]) in kept.decode()


@pytest.mark.fastmcp("B-01", "B-07", "B-09")
async def test_a_login_survives_a_restart_with_files_in_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTMCP_HOME", str(tmp_path))
    idp = Rotating()
    options: dict[str, Any] = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "base_url": BASE}
    async with person_at(GitHubProvider(**options, http_client=idp.client()), idp) as person:
        token = (await person.log_in())["access_token"]

    async with site(GitHubProvider(**options, http_client=idp.client())) as again:
        assert (await again.post("/mcp", headers=bearer(token))).status_code == 200
    options["jwt_signing_key"] = b"another key"
    async with site(GitHubProvider(**options, http_client=idp.client())) as other:
        assert (await other.post("/mcp", headers=bearer(token))).status_code == 401


@pytest.mark.fastmcp("B-09")
async def test_a_text_and_bytes_are_keys_and_a_changed_key_forgets_everything() -> None:
    idp, store = Rotating(), MemoryStore()
    for key in ("a signing key from the environment", b"\x00" * 32):
        async with person_at(proxy(idp, store, jwt_signing_key=key), idp) as person:
            assert await called(person, (await person.log_in())["access_token"]) == 200
            known = person.client.client_id
        async with site(proxy(idp, store, jwt_signing_key=b"other")) as web:
            stranger = McpClient(web)
            stranger.client_id = known
            assert (await stranger.authorize()).status_code == 400


@pytest.mark.fastmcp("B-09")
def test_without_a_secret_there_must_be_a_key() -> None:
    idp = Rotating()
    options: dict[str, Any] = {
        "upstream_authorization_endpoint": idp.authorize_url,
        "upstream_token_endpoint": idp.token_url,
        "upstream_client_id": CLIENT_ID,
        "token_verifier": proxy(idp).token_verifier,
        "base_url": BASE,
    }
    with pytest.raises(WrongSetting, match="give jwt_signing_key="):
        OAuthProxy(**options)

    assert OAuthProxy(**options, jwt_signing_key="a key").upstream.client_id == CLIENT_ID


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"client_storage": object()}, "is no key-value store"),
        ({"require_authorization_consent": "sometimes"}, "is none of True"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "is not one of"),
        ({"allowed_client_redirect_uris": ["*"]}, "is no pattern for redirects"),
        ({"base_url": "mcp.example.com"}, "is not an address"),
    ],
)
def test_an_option_that_cannot_work_is_refused_when_the_proxy_is_made(options: dict[str, Any], reason: str) -> None:
    given: dict[str, Any] = {
        "upstream_authorization_endpoint": "https://a.example/authorize",
        "upstream_token_endpoint": "https://a.example/token",
        "upstream_client_id": CLIENT_ID,
        "upstream_client_secret": CLIENT_SECRET,
        "token_verifier": proxy(Rotating()).token_verifier,
        "base_url": BASE,
    }

    with pytest.raises(WrongSetting, match=reason):
        OAuthProxy(**given | options)


# Who may register.


@pytest.mark.fastmcp("A-13", status="safer")
async def test_a_client_that_sends_people_elsewhere_is_refused_unless_the_author_lists_it() -> None:
    claude = "https://claude.ai/api/mcp/auth_callback"
    idp = Rotating()
    async with site(proxy(idp)) as web:
        refused = await web.post("/register", json={"redirect_uris": [claude], "token_endpoint_auth_method": "none"})
    async with site(proxy(idp, allowed_client_redirect_uris=[claude])) as web:
        client = McpClient(web)
        await client.register(redirect_uris=[claude])
        asked = await client.authorize(redirect_uri=claude)

    assert refused.status_code == 400
    assert "allowed_client_redirect_uris" in refused.json()["error_description"]
    assert asked.status_code == 302


async def test_a_stricter_list_counts_for_clients_that_registered_before() -> None:
    idp, store = Rotating(), MemoryStore()
    async with person_at(proxy(idp, store), idp) as person:
        known = person.client.client_id
    async with site(proxy(idp, store, allowed_client_redirect_uris=["https://claude.ai/cb"])) as web:
        client = McpClient(web)
        client.client_id = known

        assert (await client.authorize()).status_code == 400


# Discovery.


@pytest.mark.fastmcp("A-14", status="safer")
async def test_discovery_waits_for_the_first_login_and_happens_once() -> None:
    idp = identity.Auth0()
    async with person_at(openid(idp, audience="https://api.example.com"), idp) as person:
        page = await person.consent_page()
        before = len(idp.seen)
        await person.come_back(await person.decide(page))
        await person.log_in()

    assert before == 0
    assert [str(request.url) for request in idp.seen].count(idp.config_url) == 1


@pytest.mark.fastmcp("A-14")
@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example/"},
        {"issuer": None},
        {"authorization_endpoint": "http://acme.eu.auth0.com/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
    ],
)
async def test_a_document_that_is_someone_elses_or_unsafe_is_not_used(changes: dict[str, Any]) -> None:
    class Odd(identity.Auth0):
        def document(self) -> dict[str, Any]:
            return super().document() | changes

    idp = Odd()
    async with person_at(openid(idp), idp) as person:
        decided = await person.decide(await person.consent_page())

    assert decided.status_code == 503


@pytest.mark.fastmcp("A-14", status="later")
async def test_an_id_token_may_say_who_someone_is_where_access_tokens_are_opaque() -> None:
    class Opaque(identity.Auth0):
        def check_request(self, asked: dict[str, str]) -> None:
            assert "openid" in asked["scope"]

        def new_token(self, scopes: list[str]) -> str:
            return identity.IdentityProvider.new_token(self, scopes)

        def token_answer(self, answer: dict[str, Any]) -> httpx2.Response:
            claims = {**self.claims([]), "aud": CLIENT_ID, "nonce": "n", "typ": "ID"}
            return httpx2.Response(200, json={**answer, "id_token": identity.sign(claims)})

    idp = Opaque()
    async with person_at(openid(idp, verify_id_token=True), idp) as person:
        token = (await person.log_in())["access_token"]
        seen = await person.browser.post("/mcp", headers=bearer(token))

    assert seen.json()["sub"] == "auth0|1"
    assert seen.json()["scopes"] == ["openid"]
