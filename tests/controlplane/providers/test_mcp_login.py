"""An MCP client's whole login with a provider in the middle: authorize, provider, consent, code, call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx2
import mcp
import pytest
from asgiref.sync import sync_to_async
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from pydantic import AnyUrl
from pytest_django import Settings

from controlplane.accounts.models import Identity
from tenants.context import acting_for
from tests.controlplane.issuer.house import House, opened
from tests.controlplane.issuer.test_foreign_clients import Memory
from tests.controlplane.providers.browser import ProviderBrowser
from tests.controlplane.providers.conftest import ADA, add
from tests.controlplane.providers.standins.base import Standin
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _without_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens to the broker."""
    monkeypatch.setattr("celery.app.task.Task.delay", lambda self, **ids: None)


@pytest.fixture
async def house(settings: Settings, cast: Cast) -> AsyncIterator[House]:
    async with opened(settings, cast) as house:
        yield house


@pytest.mark.protocol("A-01", "D-12", "O-11")
async def test_the_sdks_client_logs_in_by_the_tenants_provider_and_calls(
    house: House, standin: Standin, cast: Cast
) -> None:
    await sync_to_async(add)(cast, standin)
    browser = ProviderBrowser(house, standin.url)
    answers: list[str] = []

    async def open_browser(url: str) -> None:
        answers.append(await asyncio.to_thread(browser.log_in, url))

    async def wait_for_it() -> AuthorizationCodeResult:
        answer = {name: values[0] for name, values in parse_qs(urlsplit(answers.pop()).query).items()}
        return AuthorizationCodeResult(code=answer["code"], state=answer["state"], iss=answer["iss"])

    metadata = OAuthClientMetadata(
        client_name="An SDK's client",
        redirect_uris=[AnyUrl("http://127.0.0.1:33418/callback")],
        token_endpoint_auth_method="none",
        grant_types=["authorization_code", "refresh_token"],
    )
    auth = OAuthClientProvider(house.endpoint, metadata, Memory(), open_browser, wait_for_it)
    async with (
        httpx2.AsyncClient(auth=auth, verify=False, timeout=30) as http,
        mcp.Client(streamable_http_client(house.endpoint, http_client=http)) as client,
    ):
        called = await client.call_tool("get_forecast", {})
    await asyncio.to_thread(browser.close)

    assert called.content[0].text == "sunny"  # type: ignore[union-attr]
    assert browser.pages == ["Sign in", "Allow An SDK's client?"]
    assert [caller.subject for caller in house.callers] == [await sync_to_async(_account)(cast)]


def _account(cast: Cast) -> str:
    """Of whoever the provider calls Ada."""
    with acting_for(cast.acme.id):
        user: str = Identity.objects.get(subject=ADA["sub"]).user_id
        return user
