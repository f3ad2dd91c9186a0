"""The MCP SDK's own OAuth client logs in at servers that stand behind our auth providers (FASTMCP A-12, A-13)."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from mcp_runtime.framework.auth.provider import AuthProvider
from mcp_runtime.framework.auth.providers.github import GitHubProvider
from mcp_runtime.framework.auth.providers.in_memory import InMemoryOAuthProvider
from mcp_runtime.framework.storage import MemoryStore
from tests.mcp_runtime.framework.auth.identity import CLIENT_ID, CLIENT_SECRET, GitHub
from tests.mcp_runtime.framework.auth.logins import REDIRECT
from tests.mcp_runtime.framework.auth.people import Person
from tests.mcp_runtime.framework.auth.web import BASE, site


class Kept:
    """The SDK's token storage, in memory."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


def sdk_client(browser: httpx2.AsyncClient, idp: GitHub, kept: Kept, path: str = "/mcp") -> OAuthClientProvider:
    """The SDK, whose person agrees to everything in `browser`."""
    came_back: list[str] = []

    async def open_browser(url: str) -> None:
        answer = await browser.get(url)
        location = answer.headers["location"]
        if "/consent" in location:
            person = Person(browser, idp)
            answer = await person.come_back(await person.decide(await browser.get(location)))
            location = answer.headers["location"]
        came_back.append(location)

    async def wait_for_code() -> AuthorizationCodeResult:
        found = {name: values[0] for name, values in parse_qs(urlsplit(came_back.pop()).query).items()}
        return AuthorizationCodeResult(code=found["code"], state=found["state"], iss=found["iss"])

    metadata = OAuthClientMetadata(client_name="The SDK", redirect_uris=[AnyUrl(REDIRECT)])
    return OAuthClientProvider(f"{BASE}{path}", metadata, kept, open_browser, wait_for_code)


def providers(idp: GitHub) -> dict[str, AuthProvider]:
    return {
        "own login": InMemoryOAuthProvider(base_url=BASE, required_scopes=["read"]),
        "github": GitHubProvider(
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            base_url=BASE,
            client_storage=MemoryStore(),
            http_client=idp.client(),
        ),
        "under a path": InMemoryOAuthProvider(base_url=BASE, resource_base_url=BASE),
    }


@pytest.mark.fastmcp("A-12", "A-13", "A-15")
@pytest.mark.protocol("A-01", "A-02", "A-03", "D-12", "D-13", "O-04")
@pytest.mark.parametrize(("name", "path"), [("own login", "/mcp"), ("github", "/mcp"), ("under a path", "/api/v1/mcp")])
async def test_the_sdk_finds_its_way_logs_in_and_comes_back_without_asking_again(name: str, path: str) -> None:
    idp, kept = GitHub(), Kept()
    provider = providers(idp)[name]
    async with site(provider, path) as web, site(provider, path) as browser:
        web.auth = sdk_client(browser, idp, kept, path)
        first = await web.post(path)
        second = await web.post(path)

    assert (first.status_code, second.status_code) == (200, 200)
    assert kept.tokens is not None
    assert kept.client is not None
    assert "upstream" not in kept.tokens.access_token


@pytest.mark.fastmcp("A-13")
async def test_the_sdk_refreshes_its_token() -> None:
    idp, kept = GitHub(), Kept()
    provider = providers(idp)["github"]
    async with site(provider) as web, site(provider) as browser:
        web.auth = sdk_client(browser, idp, kept)
        await web.post("/mcp")
        assert kept.tokens is not None
        before = kept.tokens.refresh_token
        auth = sdk_client(browser, idp, kept)
        await auth._initialize()
        auth.context.token_expiry_time = 1.0
        web.auth = auth
        answer = await web.post("/mcp")

    assert answer.status_code == 200
    assert kept.tokens.refresh_token != before
    assert len(idp.codes) == 0
    assert len(idp.asked) == 1
