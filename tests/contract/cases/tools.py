"""Blocks 1 to 9: the server object and tools."""

from __future__ import annotations

import types

import pytest

from mcp_runtime.client import Client
from mcp_runtime.client.handlers import LogMessage
from mcp_runtime.framework import FastMCP
from mcp_runtime.framework.errors import ToolError
from tests.contract.cases import case
from tests.contract.document import Stage
from tests.contract.hosts import answering


@case(1, "S-01")
async def a_server_has_its_name(stage: Stage) -> None:
    names = await stage.run()

    async with Client(names["mcp"]) as client:
        assert client.initialize_result.server_info.name == "MyAssistantServer"


@case(2, "T-01")
async def a_function_becomes_a_tool(stage: Stage) -> None:
    names = await stage.run()

    async with Client(names["mcp"]) as client:
        [tool] = await client.list_tools()
        result = await client.call_tool("add", {"a": 2, "b": 3})
    assert (tool.name, tool.description) == ("add", "Adds two integer numbers together.")
    assert {name: schema["type"] for name, schema in tool.input_schema["properties"].items()} == {
        "a": "integer",
        "b": "integer",
    }
    assert result.data == 5


@case(3, "T-03", "T-04", "T-05", "T-09", "T-12")
async def a_tool_is_described_in_full(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    await stage.run(mcp=mcp)

    async with Client(mcp) as client:
        [tool] = await client.list_tools()
        result = await client.call_tool("search_database", {"query": "hat"})
        with pytest.raises(ToolError, match="limit"):
            await client.call_tool("search_database", {"query": "hat", "limit": 101})
    schema = tool.input_schema
    assert (tool.name, tool.title) == ("search_database", "Database Search")
    assert tool.description == "Search the database with filters"
    assert tool.annotations is not None
    assert (tool.annotations.read_only_hint, tool.annotations.open_world_hint) == (True, False)
    assert schema["required"] == ["query"]
    assert schema["properties"]["query"]["description"] == "Término de búsqueda"
    limit = schema["properties"]["limit"]
    assert (limit["default"], limit["minimum"], limit["maximum"]) == (10, 1, 100)
    assert result.structured_content == {"result": [{"id": 1, "name": "Product"}]}


@case(4, "T-25", "T-30")
async def a_dataclass_is_structured_output(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    await stage.run(mcp=mcp)

    async with Client(mcp) as client:
        [tool] = await client.list_tools()
        result = await client.call_tool("get_user_profile", {"user_id": "1"})
    assert tool.output_schema is not None
    assert set(tool.output_schema["properties"]) == {"name", "age", "email"}
    assert result.structured_content == {"name": "Alice", "age": 30, "email": "alice@example.com"}
    assert result.data.name == "Alice"


@case(5, "T-31")
async def a_tool_result_is_passed_on_whole(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    await stage.run(mcp=mcp)

    async with Client(mcp) as client:
        result = await client.call_tool("advanced_tool")
    assert [block.text for block in result.content] == ["Summary"]
    assert result.structured_content == {"data": "value", "count": 42}
    assert result.meta == {"execution_time_ms": 145}


@case(6, "T-15", "G-03")
async def an_asynchronous_tool_waits_for_the_network(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    async with stage.hosts.serving("api.example.com", answering({"/hats": ("text/plain", "three hats")})):
        await stage.run(mcp=mcp, aiohttp=trusting_aiohttp(stage))
        async with Client(mcp) as client:
            result = await client.call_tool("async_operation", {"data": "hats"})

    assert result.data == "three hats"


@case(7, "T-32", "G-05")
async def a_tool_error_reaches_the_client_as_it_is(stage: Stage) -> None:
    mcp = FastMCP("surroundings", mask_error_details=True)
    await stage.run(mcp=mcp)

    async with Client(mcp) as client:
        result = await client.call_tool("divide", {"a": 6, "b": 3})
        with pytest.raises(ToolError) as caught:
            await client.call_tool("divide", {"a": 1, "b": 0})
    assert result.data == 2
    assert str(caught.value) == "División por cero no permitida."


@case(8, "T-14", "C-01", "C-02", "C-03", "C-05", "G-04", "G-16")
async def a_tool_logs_reports_and_reads(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    mcp.resource("data://numbers", name="numbers")(lambda: "12345")
    logged: list[LogMessage] = []
    progress: list[tuple[float, float | None]] = []

    async def on_log(message: LogMessage) -> None:
        logged.append(message)

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        progress.append((done, total))

    await stage.run(mcp=mcp)
    async with Client(mcp, log_handler=on_log, progress_handler=on_progress) as client:
        [tool] = await client.list_tools()
        result = await client.call_tool("process_data", {"data_uri": "data://numbers"})
    assert list(tool.input_schema["properties"]) == ["data_uri"]
    assert result.data == {"length": 5}
    assert [message.data["msg"] for message in logged] == ["Processing data://numbers"]
    assert progress == [(50, 100)]


@case(9, "T-33", status="document")
async def a_tool_is_disabled_enabled_and_removed(stage: Stage) -> None:
    """The block itself ends with the tool gone; its steps are shown one by one."""
    mcp = FastMCP("surroundings")

    def calculate_sum(a: int, b: int) -> int:
        return a + b

    async def listed() -> list[str]:
        async with Client(mcp) as client:
            return [tool.name for tool in await client.list_tools()]

    mcp.tool(calculate_sum)
    await stage.run(mcp=mcp)
    assert await listed() == []
    mcp.tool(calculate_sum)
    seen = []
    for step in [line for line in stage.text.splitlines() if line.startswith("mcp.")]:
        exec(step, {"mcp": mcp})
        seen.append(await listed())
    assert seen == [[], ["calculate_sum"], []]


def trusting_aiohttp(stage: Stage) -> object:
    """aiohttp, whose sessions trust the stand-ins of this test."""
    import aiohttp

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=stage.hosts.trusting()))

    return types.SimpleNamespace(ClientSession=session)
