"""A traced request has its place in its client's trace, and hands the next place on to the server (PROTOCOL M-01)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from mcp_runtime.gateway.records import CallRecord
from mcp_runtime.gateway.tracing import Trace
from mcp_runtime.protocol.trace_context import parse
from tests.mcp_runtime.gateway.conftest import Door, opened
from tests.mcp_runtime.gateway.world import World
from tests.support.waiting import wait_until_async

TRACE, CLIENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{CLIENT}-01"
ADD: dict[str, object] = {"name": "add", "arguments": {"a": 1, "b": 2}}


@pytest.fixture
async def traced(world: World) -> AsyncIterator[Door]:
    async with opened(world, traced_percent=0) as door:
        yield door


async def _trace(door: Door) -> Trace:
    """That of the one request so far."""
    await wait_until_async(lambda: door.lines)
    record = msgspec.json.decode(b"".join(door.lines), type=CallRecord)
    assert record.trace is not None
    return record.trace


@pytest.mark.protocol("M-01")
async def test_the_server_is_asked_as_part_of_the_clients_trace(traced: Door) -> None:
    await traced.modern("tools/call", ADD, meta={"traceparent": SAMPLED, "tracestate": "vendor=1"})

    trace = await _trace(traced)
    asked = traced.world.server.calls[0][1]["_meta"]
    assert (trace.id, trace.parent, trace.sampled) == (TRACE, CLIENT, True)
    assert asked == {"traceparent": f"00-{TRACE}-{trace.server_span}-01", "tracestate": "vendor=1"}
    assert len({CLIENT, trace.span, trace.server_span}) == 3


async def test_the_http_header_counts_where_the_message_names_no_trace(traced: Door) -> None:
    await traced.modern("tools/call", ADD, traceparent=SAMPLED)

    assert (await _trace(traced)).parent == CLIENT


@pytest.mark.protocol("M-02")
@pytest.mark.parametrize("broken", ["garbage", 7, SAMPLED.upper(), SAMPLED + "-more", f"ff-{TRACE}-{CLIENT}-01"])
async def test_a_trace_that_is_none_begins_a_new_one(traced: Door, broken: object) -> None:
    answer = await traced.modern("tools/call", ADD, meta={"traceparent": broken})

    trace = await _trace(traced)
    assert answer.status_code == 200
    assert (trace.parent, trace.sampled) == ("", False)
    assert parse(f"00-{trace.id}-{trace.span}-00") is not None


async def test_who_does_not_answer_in_time_has_a_time_too(traced: Door) -> None:
    await traced.modern("tools/call", {"name": "fail", "arguments": {"how": "timeout"}})

    trace = await _trace(traced)
    assert trace.server_at > 0
    assert trace.server_ms >= 0


async def test_a_list_asks_no_server(traced: Door) -> None:
    await traced.modern("tools/list")

    assert (await _trace(traced)).server_span == ""


async def test_a_call_in_a_session_is_traced(traced: Door) -> None:
    opening: dict[str, object] = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "c", "version": "1"},
    }
    session = (await traced.legacy("initialize", opening)).headers["mcp-session-id"]
    await wait_until_async(lambda: traced.lines)
    traced.lines.clear()

    await traced.legacy("tools/call", ADD | {"_meta": {"traceparent": SAMPLED}}, mcp_session_id=session)

    assert (await _trace(traced)).parent == CLIENT


async def test_nothing_is_traced_unless_somebody_collects_it(door: Door) -> None:
    await door.modern("tools/call", ADD, meta={"traceparent": SAMPLED})

    await wait_until_async(lambda: door.lines)
    assert b'"trace"' not in b"".join(door.lines)
    assert door.world.server.calls[0][1]["_meta"] == {"traceparent": SAMPLED}
