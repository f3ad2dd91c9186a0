"""The client itself (FASTMCP CL-01 to CL-19), in memory."""

from __future__ import annotations

import asyncio
import datetime
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.components import ToolResult
from mcp_runtime.framework.errors import ClientError, ToolError
from mcp_runtime.protocol.errors import McpError


@dataclass
class Visit:
    at: datetime.datetime
    place: uuid.UUID
    tags: set[str]
    next: Visit | None = None


def server() -> FastMCP:
    mcp = FastMCP("Test", "Help.")

    @mcp.tool
    def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool
    def fail() -> int:
        raise ToolError("No.")

    @mcp.tool
    async def hang() -> None:
        await asyncio.Event().wait()

    return mcp


@pytest.mark.fastmcp("CL-05", "CL-06")
async def test_a_client_is_connected_inside_its_block() -> None:
    client = Client(server())

    assert not client.is_connected()
    async with client:
        assert client.is_connected()
    assert not client.is_connected()


@pytest.mark.fastmcp("CL-05")
async def test_entering_again_shares_the_connection() -> None:
    client = Client(server())

    async with client:
        async with client:
            pass
        assert await client.call_tool("add", {"a": 1, "b": 2}) == 3


@pytest.mark.fastmcp("CL-05")
async def test_a_client_outside_its_block_says_so() -> None:
    with pytest.raises(RuntimeError, match="async with client"):
        await Client(server()).list_tools()


@pytest.mark.fastmcp("CL-13", "CL-14")
async def test_the_server_introduces_itself() -> None:
    async with Client(server()) as client:
        assert client.initialize_result.server_info.name == "Test"
        assert client.initialize_result.instructions == "Help."
        assert await client.ping() is True


@pytest.mark.fastmcp("CL-14")
async def test_introduction_can_wait() -> None:
    async with Client(server(), auto_initialize=False) as client:
        with pytest.raises(ClientError):
            _ = client.initialize_result
        result = await client.initialize(timeout=10.0)
        assert result.serverInfo.name == "Test"
        assert await client.initialize() is result


@pytest.mark.fastmcp("CL-08")
async def test_a_results_value_is_its_data() -> None:
    async with Client(server()) as client:
        result = await client.call_tool("add", {"a": 1, "b": 2})
    assert (result.data, result.structured_content, result.content[0].text, result.is_error) == (
        3,
        {"result": 3},
        "3",
        False,
    )
    assert result == 3
    assert result != 4


@pytest.mark.fastmcp("CL-08")
async def test_data_is_rebuilt_from_the_schema() -> None:
    mcp = FastMCP()
    visit = Visit(datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), uuid.uuid4(), {"a"})

    @mcp.tool
    def last() -> Visit:
        return Visit(visit.at, visit.place, visit.tags, next=visit)

    async with Client(mcp) as client:
        data = (await client.call_tool("last")).data
    assert (data.at, data.place, data.tags) == (visit.at, visit.place, visit.tags)
    assert (data.next.at, data.next.next) == (visit.at, None)


@pytest.mark.fastmcp("CL-08")
async def test_structure_that_does_not_fit_the_schema_comes_as_it_is() -> None:
    mcp = FastMCP()

    @mcp.tool(output_schema={"type": "object", "properties": {"n": {"type": "string", "format": "date"}}})
    def odd() -> ToolResult:
        return ToolResult(structured_content={"n": "someday"})

    async with Client(mcp) as client:
        assert (await client.call_tool("odd")).data == {"n": "someday"}


@pytest.mark.fastmcp("CL-08")
async def test_a_failed_tool_raises_unless_told_not_to() -> None:
    async with Client(server()) as client:
        with pytest.raises(ToolError, match="No"):
            await client.call_tool("fail")
        result = await client.call_tool("fail", raise_on_error=False)
    assert (result.is_error, result.text) == (True, "No.")


@pytest.mark.fastmcp("CL-19")
@pytest.mark.parametrize("limit", [0.05, timedelta(milliseconds=50)])
async def test_a_call_over_its_time_is_given_up(limit: Any) -> None:
    async with Client(server(), timeout=limit) as client:
        with pytest.raises(McpError, match=r"Timed out while waiting for tools/call: no answer in 0\.05 s"):
            await client.call_tool("hang")
        assert await client.call_tool("add", {"a": 1, "b": 1}, timeout=30) == 2


@pytest.mark.fastmcp("CL-08")
async def test_arguments_may_be_values_json_does_not_know() -> None:
    mcp = FastMCP()

    @mcp.tool
    def year(day: datetime.date) -> int:
        return day.year

    async with Client(mcp) as client:
        assert await client.call_tool("year", {"day": datetime.date(2026, 1, 1)}) == 2026


@pytest.mark.fastmcp("CL-12")
async def test_prompt_arguments_are_written_as_json() -> None:
    mcp = FastMCP()
    mcp.prompt(lambda data: f"{data!r}", name="show")

    async with Client(mcp) as client:
        result = await client.get_prompt("show", {"data": [1, 2, 3]})
    assert result.messages[0].content.text == "'[1,2,3]'"


@pytest.mark.fastmcp("CL-08")
async def test_meta_travels_with_a_call() -> None:
    mcp = FastMCP()

    @mcp.tool
    def who(ctx: Context) -> str:
        return str(ctx.client_id)

    async with Client(mcp) as client:
        assert await client.call_tool("who", meta={"client_id": "me"}) == "me"


@pytest.mark.fastmcp("CL-16")
async def test_a_handler_that_fails_does_not_fail_the_call(caplog: pytest.LogCaptureFixture) -> None:
    mcp = FastMCP()

    @mcp.tool
    async def talk(ctx: Context) -> str:
        await ctx.info("x")
        return "said"

    def broken(message: Any) -> None:
        raise RuntimeError("broken handler")

    async with Client(mcp, log_handler=broken) as client:
        assert await client.call_tool("talk") == "said"
    assert "broken handler" in caplog.text


async def test_calls_on_one_client_run_side_by_side() -> None:
    mcp, both = FastMCP(), asyncio.Barrier(2)

    @mcp.tool
    async def meet(name: str) -> str:
        await both.wait()
        return name

    async with Client(mcp) as client:
        results = await asyncio.gather(client.call_tool("meet", {"name": "a"}), client.call_tool("meet", {"name": "b"}))
    assert [result.data for result in results] == ["a", "b"]
