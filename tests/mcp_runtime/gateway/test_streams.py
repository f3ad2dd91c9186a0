"""Notifications on the response stream, heartbeats, and clients that hang up (PROTOCOL 2.4, H-04 to H-06)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.mcp_runtime.gateway.conftest import ACCEPT, Door, opened, request
from tests.mcp_runtime.gateway.world import ADA, META, MODERN, World
from tests.support import wait_until_async

SECONDS = 10


def events(answer: httpx2.Response) -> list[dict[str, Any]]:
    """The messages of an event stream."""
    assert answer.headers["content-type"] == "text/event-stream"
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data: ")]


@pytest.mark.protocol("H-04")
async def test_progress_comes_with_the_clients_token_and_grows(door: Door) -> None:
    answer = await door.modern("tools/call", {"name": "tell"}, meta={"progressToken": "p-1"})

    *notifications, result = events(answer)
    assert [one["params"] for one in notifications] == [
        {"progress": 1, "total": 2, "message": "half", "progressToken": "p-1"},
        {"progress": 2, "total": 2, "progressToken": "p-1"},
    ]
    assert result["id"] == 1
    assert answer.headers["x-accel-buffering"] == "no"


async def test_log_messages_come_from_the_level_asked_for(door: Door) -> None:
    warning = await door.modern("tools/call", {"name": "tell"}, meta={f"{META}logLevel": "warning"})
    debug = await door.modern("tools/call", {"name": "tell"}, meta={f"{META}logLevel": "debug"})

    assert [one.get("params") for one in events(warning)[:-1]] == [
        {"level": "warning", "logger": "t", "data": {"n": 1}}
    ]
    assert len(events(debug)) == 3


@pytest.mark.protocol("H-04", "G-08")
async def test_a_client_that_asked_for_nothing_gets_plain_json(door: Door) -> None:
    answer = await door.modern("tools/call", {"name": "tell"})

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["result"]["content"][0]["text"] == "told"


async def test_an_older_client_gets_messages_from_info_on(door: Door) -> None:
    answer = await door.legacy("tools/call", {"name": "tell"})

    *notifications, result = events(answer)
    assert [one["params"]["level"] for one in notifications] == ["warning"]
    assert "resultType" not in result["result"]


async def test_progress_has_no_text_for_clients_of_2024(door: Door) -> None:
    params: dict[str, object] = {"name": "tell", "_meta": {"progressToken": 7}}

    answer = await door.legacy("tools/call", params, version="2024-11-05")

    progress = [one["params"] for one in events(answer) if one.get("method") == "notifications/progress"]
    assert progress[0] == {"progress": 1, "total": 2, "progressToken": 7}


@pytest.mark.protocol("H-04")
async def test_an_error_after_the_stream_began_comes_in_it(door: Door) -> None:
    call: dict[str, object] = {"name": "tell", "arguments": {"then": "fail"}}

    answer = await door.modern("tools/call", call, meta={"progressToken": 1})

    assert answer.status_code == 200
    assert events(answer)[-1]["error"]["data"]["code"] == "worker_died"


@pytest.mark.protocol("B-04")
async def test_a_batch_with_notifications_answers_on_a_stream(door: Door) -> None:
    batch = [
        {"jsonrpc": "2.0", "id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "tell"}},
    ]

    answer = await door.post(batch)

    assert {one.get("id") for one in events(answer)} == {None, 1, 2}


async def test_the_first_event_comes_while_the_call_runs(door: Door) -> None:
    async with _stream(door, tell=True) as lines:
        first = await asyncio.wait_for(_next_data(lines), SECONDS)
        running = not door.world.server.release.is_set()
        door.world.server.release.set()
        last = await asyncio.wait_for(_next_data(lines), SECONDS)

    assert running
    assert first["method"] == "notifications/progress"
    assert last["result"]["content"][0]["text"] == "released"


@pytest.mark.protocol("H-05")
async def test_a_quiet_stream_has_heartbeats(world: World) -> None:
    async with opened(world, heartbeat_seconds=0.02) as door, _stream(door, tell=True) as lines:
        await asyncio.wait_for(_next_data(lines), SECONDS)
        comment = await asyncio.wait_for(_next(lines, ":"), SECONDS)

    assert comment == ": still here"


@pytest.mark.protocol("H-06")
async def test_hanging_up_cancels_a_call_that_streams(door: Door) -> None:
    async with _stream(door, tell=True) as lines:
        await asyncio.wait_for(_next_data(lines), SECONDS)

    await asyncio.wait_for(door.world.server.cancelled.wait(), SECONDS)
    await wait_until_async(lambda: b'"outcome":"client_gone"' in b"".join(door.lines), SECONDS)


@pytest.mark.protocol("H-06")
async def test_hanging_up_cancels_a_call_that_is_silent(door: Door) -> None:
    calling = asyncio.create_task(door.modern("tools/call", {"name": "wait", "arguments": {}}))
    await asyncio.wait_for(door.world.server.running.wait(), SECONDS)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)

    await asyncio.wait_for(door.world.server.cancelled.wait(), SECONDS)


async def test_an_older_client_that_hangs_up_cancels_too(door: Door) -> None:
    calling = asyncio.create_task(door.legacy("tools/call", {"name": "wait", "arguments": {}}))
    await asyncio.wait_for(door.world.server.running.wait(), SECONDS)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)

    await asyncio.wait_for(door.world.server.cancelled.wait(), SECONDS)


async def test_a_slow_call_ends_as_plain_json(door: Door) -> None:
    calling = asyncio.create_task(door.modern("tools/call", {"name": "wait", "arguments": {}}))
    await asyncio.wait_for(door.world.server.running.wait(), SECONDS)
    # Longer than the gateway waits before it begins to watch the connection.
    await asyncio.sleep(0.1)
    door.world.server.release.set()

    answer = await calling

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["result"]["content"][0]["text"] == "released"


async def test_many_calls_run_side_by_side(door: Door) -> None:
    calls = [
        asyncio.create_task(door.modern("tools/call", {"name": "add", "arguments": {"a": number, "b": 0}}))
        for number in range(50)
    ]

    answers = await asyncio.gather(*calls)

    assert [answer.json()["result"]["structuredContent"]["result"] for answer in answers] == list(range(50))


@contextlib.asynccontextmanager
async def _stream(door: Door, *, tell: bool) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of a call of `wait`, as they come."""
    body = request("tools/call", {"name": "wait", "arguments": {"tell": tell}}, meta={"progressToken": 1})
    headers = {
        "authorization": f"Bearer {ADA}",
        "accept": ACCEPT,
        "mcp-protocol-version": MODERN,
        "mcp-method": "tools/call",
        "mcp-name": "wait",
    }
    async with door.http.stream("POST", "/t/acme/weather/mcp", json=body, headers=headers) as answer:
        yield answer.aiter_lines()


async def _next(lines: AsyncIterator[str], start: str) -> str:
    async for line in lines:
        if line.startswith(start):
            return line
    raise AssertionError("the stream ended")


async def _next_data(lines: AsyncIterator[str]) -> dict[str, Any]:
    message: dict[str, Any] = json.loads((await _next(lines, "data: ")).removeprefix("data: "))
    return message
