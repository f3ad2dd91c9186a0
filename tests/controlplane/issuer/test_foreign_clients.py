"""Clients we did not write find the issuer, register, log a person in, call, and refresh."""

from __future__ import annotations

import asyncio
import contextlib
import webbrowser
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import fastmcp
import httpx2
import mcp
import pytest
from asgiref.sync import sync_to_async
from fastmcp.client.auth import OAuth
from mcp.client.auth import OAuthClientProvider, TokenStorage
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl
from pytest_django import Settings

from controlplane.issuer.logins import revoke_all
from controlplane.issuer.models import Client, Grant, RefreshToken
from tenants.context import acting_for
from tests.controlplane.issuer.house import Browser, House, opened
from tests.controlplane.providers.browser import ProviderBrowser
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

CALLBACK = "http://127.0.0.1:33418/callback"


class Memory(TokenStorage):
    """What a program keeps between its starts."""

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


@pytest.fixture
async def house(settings: Settings, cast: Cast) -> AsyncIterator[House]:
    async with opened(settings, cast) as house:
        yield house


@pytest.fixture
def ben(house: House, cast: Cast) -> Iterator[Browser]:
    browser = Browser(house, cast.ben.email)
    yield browser
    browser.close()


def provider(
    house: House, browser: Browser | ProviderBrowser, memory: Memory, document: str | None = None
) -> OAuthClientProvider:
    answers: list[str] = []

    async def open_browser(url: str) -> None:
        answers.append(await asyncio.to_thread(browser.log_in, url))

    async def wait_for_it() -> AuthorizationCodeResult:
        answer = {name: values[0] for name, values in parse_qs(urlsplit(answers.pop()).query).items()}
        return AuthorizationCodeResult(code=answer["code"], state=answer["state"], iss=answer["iss"])

    metadata = OAuthClientMetadata(
        client_name="An SDK's client",
        redirect_uris=[AnyUrl(CALLBACK)],
        token_endpoint_auth_method="none",
        grant_types=["authorization_code", "refresh_token"],
    )
    return OAuthClientProvider(house.endpoint, metadata, memory, open_browser, wait_for_it, document)


@contextlib.asynccontextmanager
async def connected(house: House, auth: OAuthClientProvider) -> AsyncIterator[mcp.Client]:
    async with (
        httpx2.AsyncClient(auth=auth, verify=False, timeout=30) as http,
        mcp.Client(streamable_http_client(house.endpoint, http_client=http)) as client,
    ):
        yield client


@pytest.mark.protocol("A-01", "A-02", "A-03", "D-11", "D-12", "D-13", "O-12")
async def test_the_sdks_client_logs_in_and_calls(house: House, ben: Browser, cast: Cast) -> None:
    async with connected(house, provider(house, ben, Memory())) as client:
        answer = await client.call_tool("get_forecast", {})

    assert answer.content[0].text == "sunny"  # type: ignore[union-attr]
    assert ben.pages == ["Sign in", "Allow An SDK's client?"]
    assert [caller.subject for caller in house.callers] == [cast.ben.pk]


@pytest.mark.protocol("O-07")
async def test_it_refreshes_an_old_token_without_asking_again(house: House, ben: Browser, cast: Cast) -> None:
    memory = Memory()
    auth = provider(house, ben, memory)
    async with connected(house, auth) as client:
        await client.call_tool("get_forecast", {})
        first = memory.tokens
        auth.context.token_expiry_time = 1.0
        await client.call_tool("get_forecast", {})

    assert first is not None
    assert memory.tokens is not None
    assert memory.tokens.refresh_token != first.refresh_token
    assert ben.pages == ["Sign in", "Allow An SDK's client?"]
    assert await sync_to_async(_count)(cast) == (1, 1, 2)


async def test_it_logs_in_again_after_everything_was_revoked(house: House, ben: Browser, cast: Cast) -> None:
    memory = Memory()
    async with connected(house, provider(house, ben, memory)) as client:
        await client.call_tool("get_forecast", {})

    await sync_to_async(_revoke_all)(cast)
    async with connected(house, provider(house, ben, memory)) as client:
        await client.call_tool("get_forecast", {})

    assert ben.pages == ["Sign in", "Allow An SDK's client?", "Allow An SDK's client?"]


@pytest.mark.filterwarnings("ignore:Using in-memory token storage")
async def test_fastmcps_client_logs_in_and_calls(
    house: House, ben: Browser, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda url: _visit(ben, url))
    auth = OAuth()

    async with fastmcp.Client(house.endpoint, auth=auth) as client:
        answer = await client.call_tool("get_forecast", {})

    assert answer.content[0].text == "sunny"
    assert ben.pages == ["Sign in", "Allow FastMCP Client?"]
    assert {caller.subject for caller in house.callers} == {cast.ben.pk}


def _visit(browser: Browser, url: str) -> None:
    """In a thread, as a browser of its own: it ends at the program's callback server."""

    def visit() -> None:
        httpx2.get(browser.log_in(url), verify=False, timeout=30)

    asyncio.get_running_loop().run_in_executor(None, visit)


def _count(cast: Cast) -> tuple[int, int, int]:
    with acting_for(cast.acme.id):
        return Client.objects.count(), Grant.objects.count(), RefreshToken.objects.count()


def _revoke_all(cast: Cast) -> Any:
    with acting_for(cast.acme.id):
        return revoke_all(acting=None)
