"""`subscriptions/listen` (PROTOCOL 2.8), through one gateway and through two that share a store."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from mcp_runtime.ports.memory import MemoryCredentials
from mcp_runtime.sessions.memory import MemorySessions
from mcp_runtime.sessions.redis import RedisSessions
from tenants.principal import Principal
from tests.mcp_runtime.gateway.conftest import ACCEPT, Door, opened, request
from tests.mcp_runtime.gateway.test_sessions import Asking, Client, Pair, connect, events
from tests.mcp_runtime.gateway.world import ADA, META, MODERN, World, plan, principal
from tests.support.waiting import wait_until_async

SUBSCRIPTION = f"{META}subscriptionId"


@pytest.fixture(params=["one gateway", "two over Redis"])
async def pair(request: pytest.FixtureRequest, world: World, redis_url: str) -> AsyncIterator[Pair]:
    world.sandboxes.asking["srv"] = Asking(world)
    if request.param == "one gateway":
        async with opened(world) as door:
            yield Pair((door, door))
        return
    async with opened(world, RedisSessions(redis_url)) as first, opened(world, RedisSessions(redis_url)) as second:
        yield Pair((first, second))


@contextlib.asynccontextmanager
async def listening(
    door: Door, wanted: dict[str, object], *, id: object = "s1", capabilities: dict[str, object] | None = None
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The messages of one stream, the acknowledgement first."""
    meta: dict[str, object] = {f"{META}clientCapabilities": capabilities or {}}
    body = {**request("subscriptions/listen", {"notifications": wanted}, meta=meta), "id": id}
    headers = {
        "accept": ACCEPT,
        "authorization": f"Bearer {ADA}",
        "content-type": "application/json",
        "mcp-protocol-version": MODERN,
        "mcp-method": "subscriptions/listen",
    }
    async with door.http.stream(
        "POST", "/t/acme/weather/mcp", content=msgspec.json.encode(body), headers=headers
    ) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["x-accel-buffering"] == "no"
        yield (event.message async for event in events(answer))


async def announce(door: Door) -> None:
    """Let a tool say that the list of tools, and the resource weather://now, have changed."""
    await door.modern("tools/call", {"name": "wait", "arguments": {"do": "announce"}})


@pytest.mark.protocol("L-01", "L-02", "L-03")
@pytest.mark.parametrize("id", ["s1", 7])
async def test_the_first_message_says_what_is_honoured(door: Door, id: object) -> None:
    wanted: dict[str, object] = {
        "toolsListChanged": True,
        "promptsListChanged": False,
        "somethingElse": True,
        "resourceSubscriptions": ["weather://now", "nowhere://x"],
    }

    async with listening(door, wanted, id=id) as messages:
        first = await anext(messages)

    assert first["method"] == "notifications/subscriptions/acknowledged"
    assert first["params"] == {
        "notifications": {"toolsListChanged": True, "resourceSubscriptions": ["weather://now"]},
        "_meta": {SUBSCRIPTION: id},
    }


@pytest.mark.protocol("L-03", "L-04", "V-09")
async def test_every_listener_hears_what_it_asked_for(pair: Pair) -> None:
    first, second = pair.doors
    async with (
        listening(first, {"toolsListChanged": True}, id="tools") as tools,
        listening(second, {"resourceSubscriptions": ["weather://now"]}, id=2) as resources,
        listening(second, {"promptsListChanged": True}, id=3) as prompts,
    ):
        for messages in (tools, resources, prompts):
            await anext(messages)
        await announce(second)

        heard = [await anext(tools), await anext(resources)]
        first.world.catalogue.publish(_with_another_prompt())
        last = await anext(prompts)

    assert [one["method"] for one in (*heard, last)] == [
        "notifications/tools/list_changed",
        "notifications/resources/updated",
        "notifications/prompts/list_changed",
    ]
    assert heard[1]["params"] == {"uri": "weather://now", "_meta": {SUBSCRIPTION: 2}}
    assert [one["params"]["_meta"][SUBSCRIPTION] for one in (*heard, last)] == ["tools", 2, 3]


def _with_another_prompt() -> Any:
    old = plan("weather", "ep_weather", version=2)
    another = msgspec.structs.replace(old.prompts[0], definition={"name": "another"}, upstream_name="another")
    return msgspec.structs.replace(old, prompts=(*old.prompts, another))


async def test_a_new_version_with_the_same_lists_is_no_news(door: Door) -> None:
    async with listening(door, {"toolsListChanged": True, "promptsListChanged": True}) as messages:
        await anext(messages)
        door.world.catalogue.publish(plan("weather", "ep_weather", version=2))
        door.world.catalogue.publish(_with_another_prompt())

        assert (await anext(messages))["method"] == "notifications/prompts/list_changed"


async def test_a_standing_stream_of_a_session_hears_of_a_new_version(pair: Pair) -> None:
    client: Client = await connect(pair)
    async with client.stream() as stream:
        pair.doors[0].world.catalogue.publish(_with_another_prompt())

        assert (await anext(stream)).message["method"] == "notifications/prompts/list_changed"


@pytest.mark.protocol("L-07")
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"notifications": None},
        {"notifications": []},
        {"notifications": {"toolsListChanged": "yes"}},
        {"notifications": {"resourceSubscriptions": "weather://now"}},
        {"notifications": {"resourceSubscriptions": [1]}},
        {"notifications": {"resourceSubscriptions": ["weather://now"] * 257}},
    ],
)
async def test_what_cannot_be_listened_to_is_refused(door: Door, params: dict[str, object]) -> None:
    answer = await door.modern("subscriptions/listen", params)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32602


@pytest.mark.protocol("L-05")
async def test_a_gateway_that_stops_says_the_last_word(world: World) -> None:
    async with contextlib.AsyncExitStack() as stack:
        door = await stack.enter_async_context(opened(world))
        async with listening(door, {"toolsListChanged": True}, id=5) as messages:
            await anext(messages)
            await door.gateway.aclose()

            last = await anext(messages)

    assert last["id"] == 5
    assert last["result"]["resultType"] == "complete"
    assert last["result"]["_meta"][SUBSCRIPTION] == 5


@pytest.mark.protocol("L-06")
async def test_a_revoked_key_loses_its_stream(world: World) -> None:
    async with (
        opened(world, principal_seconds=0.05) as door,
        listening(door, {"toolsListChanged": True}) as messages,
    ):
        await anext(messages)
        world.credentials.revoke("key_ada")

        assert "result" in await anext(messages)


@pytest.mark.protocol("L-05")
async def test_hanging_up_ends_the_subscription(door: Door) -> None:
    async with listening(door, {"toolsListChanged": True}) as messages:
        await anext(messages)

    await wait_until_async(lambda: any(b"client_gone" in line for line in door.lines))


class Directory(MemoryCredentials):
    """The directory of keys, which may be away."""

    away = False

    async def authenticate(self, token: str, *, tenant: str) -> Principal | None:
        if self.away:
            raise ConnectionError("The database is away.")
        return await super().authenticate(token, tenant=tenant)


@pytest.mark.protocol("L-06")
async def test_a_stream_whose_key_cannot_be_checked_ends(world: World) -> None:
    directory = Directory()
    directory.grant(ADA, principal("acme", "ada"), tenant="acme")
    world.credentials = directory
    async with (
        opened(world, principal_seconds=0.05) as door,
        listening(door, {"toolsListChanged": True}) as messages,
    ):
        await anext(messages)
        directory.away = True

        assert "result" in await anext(messages)


async def test_a_session_with_an_open_stream_is_not_idle(world: World) -> None:
    now = 0.0
    sessions = MemorySessions(idle_seconds=60, now=lambda: now)
    async with opened(world, sessions, principal_seconds=0.01) as door:
        client: Client = await connect(Pair((door, door)))
        async with client.stream():
            now = 59.0
            await wait_until_async(lambda: sessions.expires(client.session) == 59.0 + 60)
            now = 100.0

            assert (await client.request("ping")).status_code == 200
