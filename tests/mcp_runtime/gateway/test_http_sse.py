"""HTTP+SSE of 2024-11-05 (PROTOCOL 3.3), where the stream and the POSTs may reach different processes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from mcp_runtime.gateway.limits import Caps
from mcp_runtime.sessions.redis import RedisSessions
from tests.mcp_runtime.gateway.conftest import Door, opened
from tests.mcp_runtime.gateway.test_sessions import Asking, Pair, events, text
from tests.mcp_runtime.gateway.world import ADA, BEN, World
from tests.support.waiting import wait_until_async

SSE = "/t/acme/weather/sse"


@pytest.fixture(params=["one gateway", "two over Redis"])
async def pair(request: pytest.FixtureRequest, world: World, redis_url: str) -> AsyncIterator[Pair]:
    world.sandboxes.asking["srv"] = Asking(world)
    if request.param == "one gateway":
        async with opened(world) as door:
            yield Pair((door, door))
        return
    async with opened(world, RedisSessions(redis_url)) as first, opened(world, RedisSessions(redis_url)) as second:
        yield Pair((first, second))


class Client:
    def __init__(self, pair: Pair, messages: AsyncIterator[Any], where: str) -> None:
        self.pair = pair
        self.messages = messages
        self.where = where

    async def send(self, body: object, **headers: str) -> httpx2.Response:
        return await self.pair.doors[1].post(body, path=self.where, accept="*/*", **headers)

    async def request(self, method: str, params: object = None, *, id: object = 1) -> dict[str, Any]:
        answer = await self.send({"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}})
        assert answer.status_code == 202
        return await self.next()

    async def next(self) -> dict[str, Any]:
        message: dict[str, Any] = (await anext(self.messages)).message
        return message


@contextlib.asynccontextmanager
async def connected(pair: Pair, *, version: str = "2024-11-05") -> AsyncIterator[Client]:
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {ADA}"}
    async with pair.doors[0].http.stream("GET", SSE, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        messages = events(answer)
        first = await anext(messages)
        assert first.data.startswith("/t/acme/weather/messages?session_id=")
        client = Client(pair, messages, first.data)
        initialized = await client.request(
            "initialize", {"protocolVersion": version, "capabilities": {"elicitation": {}}, "clientInfo": {}}
        )
        assert initialized["result"]["protocolVersion"] == version
        yield client


@pytest.mark.protocol("X-01", "X-02")
async def test_answers_come_on_the_stream(pair: Pair) -> None:
    async with connected(pair) as client:
        assert (await client.request("ping", id="p")) == {"jsonrpc": "2.0", "id": "p", "result": {}}
        called = await client.request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}, id=3)

    assert called["id"] == 3
    assert text(called) == "3"


async def test_the_negotiated_revision_shapes_the_answers(pair: Pair) -> None:
    async with connected(pair, version="2025-06-18") as client:
        newer = await client.request("tools/list")
    async with connected(pair) as client:
        older = await client.request("tools/list")

    assert "outputSchema" in newer["result"]["tools"][0]
    assert "outputSchema" not in older["result"]["tools"][0]


@pytest.mark.protocol("X-02")
async def test_errors_come_on_the_stream_as_well(pair: Pair) -> None:
    async with connected(pair) as client:
        unknown = await client.request("nothing")
        strange = await client.request("tools/call", {"name": "nope"})

    assert [unknown["error"]["code"], strange["error"]["code"]] == [-32601, -32602]


async def test_a_body_that_is_no_json_is_a_bad_request(pair: Pair) -> None:
    async with connected(pair) as client:
        assert (await client.send(b"{")).status_code == 400


async def test_questions_are_asked_and_answered(pair: Pair) -> None:
    async with connected(pair, version="2025-06-18") as client:
        question = await client.request("tools/call", {"name": "wait", "arguments": {"do": "ask"}}, id=9)
        assert question["method"] == "elicitation/create"
        await client.send({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "decline"}})

        assert text(await client.next()) == '{"action":"decline"}'


async def test_progress_comes_before_the_answer(pair: Pair) -> None:
    params = {"name": "tell", "arguments": {}, "_meta": {"progressToken": "t"}}
    async with connected(pair) as client:
        first = await client.request("tools/call", params)
        told = [first, *[await client.next() for _ in range(3)]]

    assert [one.get("method") for one in told] == ["notifications/message", *["notifications/progress"] * 2, None]


async def test_announcements_reach_the_stream(pair: Pair) -> None:
    async with connected(pair) as client:
        await client.request("resources/subscribe", {"uri": "weather://now"})
        first = await client.request("tools/call", {"name": "wait", "arguments": {"do": "announce"}})
        methods = {str(one.get("method")) for one in (first, await client.next(), await client.next())}

    assert methods == {"notifications/tools/list_changed", "notifications/resources/updated", "None"}


@pytest.mark.protocol("X-02")
async def test_an_unknown_session_is_not_found(pair: Pair) -> None:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    answers = [
        await pair.door.post(ping, path=f"/t/acme/weather/messages{query}")
        for query in ("", "?session_id=", "?session_id=nobody", "?session_id=a&session_id=b")
    ]

    assert [answer.status_code for answer in answers] == [404] * 4


@pytest.mark.protocol("X-02", "A-13")
async def test_the_session_of_another_caller_is_not_found(pair: Pair) -> None:
    async with connected(pair) as client:
        answer = await client.send({"jsonrpc": "2.0", "id": 1, "method": "ping"}, authorization=f"Bearer {BEN}")

    assert answer.status_code == 404


async def test_the_session_is_not_one_of_the_other_transport(pair: Pair) -> None:
    async with connected(pair) as client:
        session = client.where.partition("=")[2]
        answer = await pair.door.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, mcp_session_id=session)

    assert answer.status_code == 404


@pytest.mark.protocol("X-03")
async def test_the_session_ends_with_its_stream(pair: Pair) -> None:
    async with connected(pair) as client:
        pass

    async def gone() -> bool:
        return (await client.send({"jsonrpc": "2.0", "id": 1, "method": "ping"})).status_code == 404

    await wait_until_async(gone)


@pytest.mark.protocol("X-05", status="decided")
@pytest.mark.protocol("X-04")
async def test_the_streamable_address_has_no_stream_without_a_session(door: Door) -> None:
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {ADA}"}

    answer = await door.http.get("/t/acme/weather/mcp", headers=headers)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(("method", "path"), [("POST", SSE), ("GET", "/t/acme/weather/messages"), ("PUT", SSE)])
async def test_other_methods_are_not_allowed(door: Door, method: str, path: str) -> None:
    answer = await door.http.request(method, path, headers={"authorization": f"Bearer {ADA}"})

    assert answer.status_code == 405


async def test_a_limit_that_is_reached_is_said_on_the_stream(world: World) -> None:
    async with opened(world, caps=Caps(calls_per_principal=1)) as door, connected(Pair((door, door))) as client:
        await client.send({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "wait"}})
        await world.server.running.wait()

        refused = await client.request("tools/call", {"name": "wait"}, id=2)
        world.server.release.set()
        done = await client.next()

    assert refused["error"]["data"]["limit"] == "calls_per_principal"
    assert (refused["id"], done["id"]) == (2, 1)
