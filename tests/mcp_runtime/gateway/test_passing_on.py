"""What the gateway passes on untouched, ignores, or leaves out (PROTOCOL 2.6, 2.13, 4)."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from mcp_runtime.protocol import shaping
from mcp_runtime.protocol.versions import BY_NAME, REVISIONS
from tests.mcp_runtime.gateway.conftest import Door
from tests.mcp_runtime.gateway.world import META

ADD: dict[str, object] = {"name": "add", "arguments": {"a": 1, "b": 2}}


@pytest.mark.protocol("M-01", "M-02")
@pytest.mark.parametrize("trace", ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "garbage", "", 7, None])
async def test_trace_context_is_passed_on_and_never_refused(door: Door, trace: object) -> None:
    meta: dict[str, object] = {"traceparent": trace, "com.example/key": {"a": 1}}

    answer = await door.modern("tools/call", ADD, meta=meta)

    assert answer.status_code == 200
    assert door.world.server.calls[0][1]["_meta"] == meta


@pytest.mark.protocol("M-03")
@pytest.mark.parametrize("info", [None, {}, {"name": "admin", "version": "1"}, 7])
async def test_what_a_client_says_about_itself_changes_nothing(door: Door, info: object) -> None:
    answer = await door.modern("tools/call", ADD, meta={f"{META}clientInfo": info})

    assert answer.json()["result"]["structuredContent"] == {"result": 3}


@pytest.mark.protocol("UI-04", "M-01")
async def test_metadata_of_results_and_contents_comes_through(door: Door) -> None:
    ui = {"ui": {"resourceUri": "ui://weather/map", "visibility": ["app"]}}
    content = [{"type": "text", "text": "x", "_meta": {"a": 1}}]
    door.world.server.raw = msgspec.json.encode({"content": content, "_meta": ui})

    result = (await door.modern("tools/call", {"name": "raw", "arguments": {}})).json()["result"]

    assert result["_meta"]["ui"] == ui["ui"]
    assert result["content"] == content


@pytest.mark.protocol("X-10", "X-11", "TK-01")
async def test_an_extension_of_the_client_alone_changes_nothing(door: Door) -> None:
    capabilities: dict[str, object] = {"extensions": {f"{META}tasks": {}, "com.example/odd": {}}}

    answer = await door.modern("tools/call", ADD, meta={f"{META}clientCapabilities": capabilities})
    declared = (await door.modern("server/discover")).json()["result"]["capabilities"]

    assert answer.json()["result"]["resultType"] == "complete"
    assert "extensions" not in declared


async def test_a_task_that_an_older_client_asks_for_is_an_ordinary_call(door: Door) -> None:
    answer = await door.legacy("tools/call", {**ADD, "task": {"ttl": 60_000}})

    assert answer.json()["result"]["structuredContent"] == {"result": 3}


@pytest.mark.protocol("T-08")
def test_only_2025_11_25_sees_how_a_tool_takes_tasks() -> None:
    definition = {"name": "slow", "inputSchema": {"type": "object"}, "execution": {"taskSupport": "optional"}}

    shown = [revision.name for revision in REVISIONS if "execution" in shaping.tool(definition, revision)]

    assert shown == ["2025-11-25"]
    assert BY_NAME["2025-11-25"].task_support


@pytest.mark.protocol("B-02")
async def test_calls_with_the_same_id_get_their_own_answers(door: Door) -> None:
    calls = [door.modern("tools/call", {"name": "add", "arguments": {"a": n, "b": 0}}) for n in range(20)]

    answers = await asyncio.gather(*calls)

    assert {answer.json()["id"] for answer in answers} == {1}
    assert [answer.json()["result"]["structuredContent"]["result"] for answer in answers] == list(range(20))
