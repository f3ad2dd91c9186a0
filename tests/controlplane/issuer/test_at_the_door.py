"""Tokens at the gateway: good for one endpoint, and for nothing else; and how fast they end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from asgiref.sync import sync_to_async
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from controlplane.composition.models import Endpoint
from controlplane.issuer import logins, signing
from controlplane.issuer.models import Grant, SigningKey
from controlplane.keys.services import NewKey, create_key, revoke_key
from controlplane.vault.services import rotate_data_key
from tenants.context import acting_for
from tenants.models import Tenant
from tests.controlplane.issuer.conftest import Flow
from tests.controlplane.issuer.house import House, opened
from tests.support import wait_until_async
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
NOWHERE = "redis://127.0.0.1:1/0"
SECONDS = 60.0
"""A revocation is in force everywhere within five (SECURITY 0.7), as tests with a clock of their own show of each part
(tests/mcp_runtime/authorization). Here a busy machine may take its time."""


@pytest.fixture
async def house(settings: Settings, cast: Cast) -> AsyncIterator[House]:
    async with opened(settings, cast) as house:
        yield house


@pytest.fixture
async def tokens(house: House, cast: Cast) -> dict[str, Any]:
    """Ben's, for the endpoint `weather`."""
    return await sync_to_async(_log_in)(cast)


class Door:
    def __init__(self, house: House, http: httpx2.AsyncClient) -> None:
        self._house = house
        self._http = http

    async def __call__(self, token: str, path: str = "/t/acme/weather/mcp", method: str = "POST") -> httpx2.Response:
        headers = {
            "authorization": f"Bearer {token}",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": "2025-11-25",
        }
        body = {"json": LIST} if method == "POST" else {}
        return await self._http.request(method, self._house.url + path, headers=headers, **body)  # type: ignore[arg-type]


@pytest.fixture
async def door(house: House) -> AsyncIterator[Door]:
    async with httpx2.AsyncClient(verify=False, timeout=30) as http:
        yield Door(house, http)


async def test_a_token_opens_its_own_endpoint(door: Door, tokens: dict[str, Any]) -> None:
    answer = await door(tokens["access_token"])

    assert answer.status_code == 200
    assert [tool["name"] for tool in answer.json()["result"]["tools"]] == ["get_forecast"]


@pytest.mark.protocol("A-05", "A-06", "A-11")
async def test_and_no_other(door: Door, tokens: dict[str, Any], cast: Cast) -> None:
    await sync_to_async(_another_endpoint)(cast)

    answers = [
        await door(tokens["access_token"], path)
        for path in ("/t/acme/maps/mcp", "/t/acme/nothing/mcp", "/t/globex/weather/mcp", "/t/nowhere/weather/mcp")
    ]

    assert [answer.status_code for answer in answers] == [401] * 4
    assert len({re.sub(r"/t/[^\"]*|req_\w+", "", answer.text) for answer in answers}) == 1


@pytest.mark.protocol("A-06")
async def test_nor_the_management_api(door: Door, tokens: dict[str, Any]) -> None:
    answer = await door(tokens["access_token"], "/api/v1/me", "GET")

    assert answer.status_code == 401


@pytest.mark.protocol("A-06", "A-14")
async def test_a_refresh_token_is_no_bearer_token(door: Door, tokens: dict[str, Any]) -> None:
    answer = await door(tokens["refresh_token"])

    assert answer.status_code == 401


@pytest.mark.protocol("A-05")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_every_method_needs_one(door: Door, tokens: dict[str, Any], method: str) -> None:
    assert (await door("a.b.c", method=method)).status_code == 401


@pytest.mark.protocol("A-01", "A-02")
async def test_the_challenge_leads_to_the_issuer(door: Door, house: House, tokens: dict[str, Any]) -> None:
    answer = await door("a.b.c")

    found = re.search(r'resource_metadata="([^"]+)"', answer.headers["www-authenticate"])
    assert found
    async with httpx2.AsyncClient(verify=False, timeout=60) as http:
        document = (await http.get(found[1])).json()
    assert document["resource"] == house.endpoint
    assert document["authorization_servers"] == [house.issuer]


@pytest.mark.protocol("A-07")
@pytest.mark.parametrize("redis", ["up", "lost", "absent"])
async def test_a_revoked_login_and_a_revoked_key_are_out_within_seconds(
    settings: Settings, cast: Cast, redis: str
) -> None:
    """Lost: what the control plane announces reaches nobody. Absent: the gateway never had it."""
    if redis == "absent":
        settings.REDIS_URL = NOWHERE
    async with opened(settings, cast) as house, httpx2.AsyncClient(verify=False, timeout=60) as http:
        door = Door(house, http)
        token = (await sync_to_async(_log_in)(cast))["access_token"]
        key = await sync_to_async(_make_key)(cast)
        assert [(await door(one)).status_code for one in (token, key.token)] == [200, 200]
        if redis == "lost":
            settings.REDIS_URL = NOWHERE

        await sync_to_async(_revoke_all)(cast)
        await sync_to_async(_revoke_key)(cast, key)

        async def out() -> bool:
            return [(await door(one)).status_code for one in (token, key.token)] == [401, 401]

        await wait_until_async(out, SECONDS)


@pytest.mark.protocol("A-07")
async def test_a_replaced_key_is_out_within_seconds(door: Door, tokens: dict[str, Any], cast: Cast) -> None:
    assert (await door(tokens["access_token"])).status_code == 200

    await sync_to_async(_replace_keys)(cast)

    async def out() -> bool:
        return (await door(tokens["access_token"])).status_code == 401

    await wait_until_async(out, SECONDS)
    again = await sync_to_async(_log_in)(cast)
    assert (await door(again["access_token"])).status_code == 200


async def test_keys_change_during_a_load_of_calls_with_no_error(door: Door, tokens: dict[str, Any], cast: Cast) -> None:
    """Three callers call all the time, each with the token that it has, until it gets another."""
    held, answered, over = [tokens["access_token"]] * 3, [0] * 3, asyncio.Event()

    async def call(caller: int) -> None:
        while not over.is_set():
            assert (await door(held[caller])).status_code == 200
            answered[caller] += 1

    async def go_on() -> None:
        before = list(answered)
        await wait_until_async(lambda: all(now >= then + 2 for now, then in zip(answered, before, strict=True)), 60)

    async with asyncio.TaskGroup() as calls:
        for caller in range(3):
            calls.create_task(call(caller))
        try:
            for _ in range(3):
                await sync_to_async(_add_keys)(cast)
                await go_on()
                token = (await sync_to_async(_log_in)(cast))["access_token"]

                async def is_known(token: str = token) -> bool:
                    return (await door(token)).status_code == 200

                await wait_until_async(is_known, 60)  # there are ten minutes for it
                for caller in range(3):
                    held[caller] = token
                    await go_on()
        finally:
            over.set()

    assert await sync_to_async(_signing_keys)(cast) == 2  # of four


@pytest.mark.protocol("A-07")
async def test_a_suspended_tenants_tokens_are_out_within_seconds(
    door: Door, tokens: dict[str, Any], cast: Cast
) -> None:
    assert (await door(tokens["access_token"])).status_code == 200

    await sync_to_async(_suspend)(cast)

    async def out() -> bool:
        return (await door(tokens["access_token"])).status_code == 401

    await wait_until_async(out, SECONDS)


@pytest.mark.protocol("A-07")
async def test_a_deleted_endpoints_logins_end_with_it(tokens: dict[str, Any], cast: Cast) -> None:
    await sync_to_async(_delete_endpoint)(cast)

    assert await sync_to_async(_logins)(cast) == 0


def _log_in(cast: Cast) -> dict[str, Any]:
    browser = Client()
    browser.force_login(cast.ben)
    flow = Flow(browser)
    flow.register()
    return flow.log_in()


def _another_endpoint(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        Endpoint.objects.create(slug="maps")


def _make_key(cast: Cast) -> NewKey:
    with acting_for(cast.acme.id):
        return create_key("a program's", scopes=["mcp:call"], acting=None)


def _revoke_key(cast: Cast, made: NewKey) -> None:
    with acting_for(cast.acme.id):
        revoke_key(made.key.id, acting=None)


def _revoke_all(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        assert logins.revoke_all(acting=None) == 1


def _add_keys(cast: Cast) -> None:
    """Of both kinds; and the time passes that a new signing key waits, and an old one is kept."""
    with acting_for(cast.acme.id):
        SigningKey.objects.update(signs_from=F("signs_from") - timedelta(days=1))
        key = signing.rotate(acting=None)
        SigningKey.objects.filter(pk=key.pk).update(signs_from=timezone.now())
        rotate_data_key(acting=None)


def _signing_keys(cast: Cast) -> int:
    with acting_for(cast.acme.id):
        return SigningKey.objects.count()


def _replace_keys(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        signing.rotate(acting=None, at_once=True)


def _suspend(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        Tenant.objects.update(status=Tenant.Status.SUSPENDED)


def _delete_endpoint(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        Endpoint.objects.update(published=None)
        endpoint = Endpoint.objects.get()
        endpoint.versions.all().delete()
        endpoint.delete()


def _logins(cast: Cast) -> int:
    with acting_for(cast.acme.id):
        return Grant.objects.count()
