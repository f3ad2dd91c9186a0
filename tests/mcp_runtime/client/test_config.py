"""Several servers as one (FASTMCP CL-15)."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.client.handlers import Handlers
from mcp_runtime.client.transports.config import MCPConfigTransport
from mcp_runtime.client.transports.http import StreamableHttpTransport
from mcp_runtime.client.transports.http_sse import SSETransport
from mcp_runtime.client.transports.infer import transport_for
from mcp_runtime.client.transports.memory import MemoryTransport
from mcp_runtime.client.transports.stdio import StdioTransport
from mcp_runtime.client.transports.views import View
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.asking.elicitation import AcceptedElicitation
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.protocol.errors import McpError

PEER = Path(__file__).with_name("stdio_peer.py")


def weather() -> FastMCP:
    mcp = FastMCP("weather", instructions="Ask for a city.")

    @mcp.tool(tags={"public"})
    async def forecast(city: str, units: str = "metric", key: str = "none") -> str:
        return f"{city} in {units} with {key}"

    @mcp.tool(tags={"internal"})
    async def reset() -> str:
        return "gone"

    @mcp.resource("data://info")
    def info() -> str:
        return "sunny"

    @mcp.resource("data://{city}/now")
    def now(city: str) -> str:
        return city

    @mcp.prompt
    def describe(city: str) -> str:
        return f"Describe {city}"

    return mcp


def clock() -> FastMCP:
    mcp = FastMCP("clock")

    @mcp.tool
    async def ask(ctx: Context) -> str:
        await ctx.info("asking")
        answer = await ctx.elicit("When?")
        return str(answer.data) if isinstance(answer, AcceptedElicitation) else answer.action

    return mcp


def together(*servers: tuple[str, FastMCP, dict[str, Any]], **options: Any) -> Client:
    """A client of servers in this process, as a configuration would name them."""
    names = {name: {"url": "http://unused", **entry} for name, _, entry in servers}
    transport = MCPConfigTransport({"mcpServers": names})
    prefixed = len(servers) > 1
    transport._views = [
        View(MemoryTransport(server), name if prefixed else None, entry) for name, server, entry in servers
    ]
    return Client(transport, **options)


@pytest.mark.fastmcp("CL-15")
async def test_several_servers_are_told_apart_by_their_names() -> None:
    async with together(("weather", weather(), {}), ("clock", clock(), {})) as client:
        assert [tool.name for tool in await client.list_tools()] == ["weather_forecast", "weather_reset", "clock_ask"]
        assert [resource.uri for resource in await client.list_resources()] == ["data://weather/info"]
        assert [one.uri_template for one in await client.list_resource_templates()] == ["data://weather/{city}/now"]
        assert [prompt.name for prompt in await client.list_prompts()] == ["weather_describe"]
        assert (await client.call_tool("weather_forecast", {"city": "Oslo"})).data == "Oslo in metric with none"
        contents = await client.read_resource("data://weather/info")
        assert (contents[0].uri, contents[0].text) == ("data://weather/info", "sunny")
        assert (await client.get_prompt("weather_describe", {"city": "Oslo"})).messages[0].content.text
        assert await client.ping() is True
        assert client.instructions == "Ask for a city."


@pytest.mark.fastmcp("CL-15")
async def test_a_name_of_no_server_is_unknown() -> None:
    async with together(("weather", weather(), {}), ("clock", clock(), {})) as client:
        with pytest.raises(McpError, match="No tool named 'forecast'"):
            await client.call_tool("forecast", {"city": "Oslo"})
        with pytest.raises(McpError, match="No resource"):
            await client.read_resource("data://info")
        with pytest.raises(McpError, match="No prompt"):
            await client.get_prompt("describe")


@pytest.mark.fastmcp("CL-15")
async def test_a_single_server_keeps_its_names() -> None:
    async with together(("weather", weather(), {})) as client:
        assert [tool.name for tool in await client.list_tools()] == ["forecast", "reset"]
        assert (await client.read_resource("data://info"))[0].text == "sunny"


@pytest.mark.fastmcp("CL-15", "CL-16", "CL-19")
async def test_the_handlers_serve_every_server() -> None:
    logs: list[Any] = []

    async with together(
        ("weather", weather(), {}),
        ("clock", clock(), {}),
        log_handler=lambda message: logs.append(message.data["msg"]),
        elicitation_handler=lambda *_: {"value": "noon"},
    ) as client:
        assert (await client.call_tool("clock_ask")).data == "noon"
    assert logs == ["asking"]


@pytest.mark.fastmcp("CL-15")
@pytest.mark.parametrize("entry", [{"include_tags": ["public"]}, {"exclude_tags": ["internal"]}])
async def test_tags_choose_the_tools_that_can_be_seen_and_called(entry: dict[str, Any]) -> None:
    async with together(("weather", weather(), entry), ("clock", clock(), {})) as client:
        assert [tool.name for tool in await client.list_tools()] == ["weather_forecast", "clock_ask"]
        with pytest.raises(McpError, match="No tool named 'weather_reset'"):
            await client.call_tool("weather_reset")


@pytest.mark.fastmcp("CL-15")
async def test_tools_can_be_changed() -> None:
    changes = {
        "forecast": {
            "name": "outlook",
            "description": "What it will be like",
            "arguments": {
                "city": {"name": "place", "description": "Where"},
                "units": {"default": "imperial"},
                "key": {"hide": True, "default": "k"},
            },
        },
        "reset": {"enabled": False},
    }
    async with together(("weather", weather(), {"tools": changes}), ("clock", clock(), {})) as client:
        tool = (await client.list_tools())[0]
        assert (tool.name, tool.description) == ("weather_outlook", "What it will be like")
        assert list(tool.input_schema["properties"]) == ["place", "units"]
        assert tool.input_schema["required"] == ["place"]
        answer = await client.call_tool("weather_outlook", {"place": "Oslo", "key": "stolen"})
        assert answer.data == "Oslo in imperial with k"
        for gone in ("weather_forecast", "weather_reset"):
            with pytest.raises(McpError, match="No tool named"):
                await client.call_tool(gone, {"city": "Oslo"})


@pytest.mark.fastmcp("CL-15")
def test_an_entry_says_how_its_server_is_reached(tmp_path: Path) -> None:
    config = {
        "mcpServers": {
            "a": {"url": "https://a.example.com/mcp", "headers": {"X": "1"}, "auth": "token"},
            "b": {"url": "https://b.example.com/sse"},
            "c": {"url": "https://c.example.com/events", "transport": "sse"},
            "d": {"command": "run-d", "args": ["-x", 1], "env": {"N": 2}, "cwd": "/"},
        }
    }
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps(config))

    for target in (config, config["mcpServers"], path):
        transport = transport_for(target)
        assert isinstance(transport, MCPConfigTransport)
        a, b, c, d = (view.transport for view in transport._views)
        assert isinstance(a, StreamableHttpTransport)
        assert (a._headers, a._auth) == ({"x": "1"}, "token")
        assert isinstance(b, SSETransport)
        assert isinstance(c, SSETransport)
        assert isinstance(d, StdioTransport)
        assert (d.command, d.args, d.env) == ("run-d", ["-x", "1"], {"N": "2"})


@pytest.mark.fastmcp("CL-15")
async def test_child_processes_make_up_one_client() -> None:
    env = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    entry = {"command": sys.executable, "env": env, "keep_alive": False}
    config = {
        "mcpServers": {
            "new": {**entry, "args": [str(PEER), "modern"]},
            "old": {**entry, "args": [str(PEER), "legacy"]},
        }
    }
    async with Client(config) as client:
        assert client.protocol_version == "2025-11-25"
        assert await client.call_tool("new_add", {"a": 1, "b": 2}) == 3
        assert await client.call_tool("old_add", {"a": 2, "b": 2}) == 4
        await client.set_logging_level("error")


@pytest.mark.fastmcp("CL-15")
@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({"mcpServers": {}}, "names no servers"),
        ({"mcpServers": {"a": {}}}, "neither a url nor a command"),
        ({"mcpServers": {"a": {"url": "https://a", "transport": "carrier-pigeon"}}}, "'carrier-pigeon'"),
        ({"a": "b"}, "neither a url nor a command"),
    ],
    ids=str,
)
def test_a_configuration_that_says_nothing_is_refused(config: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Client(config)


async def test_a_server_that_does_not_open_closes_the_others() -> None:
    class Broken(MemoryTransport):
        async def open(self, handlers: Handlers, client_info: dict[str, Any]) -> None:
            raise ToolError("no")

    closed: list[str] = []

    class Good(MemoryTransport):
        async def close(self) -> None:
            closed.append("good")
            await super().close()

    transport = MCPConfigTransport({"a": {"url": "http://a"}, "b": {"url": "http://b"}})
    transport._views = [View(Good(weather()), "a", {}), View(Broken(weather()), "b", {})]
    with pytest.raises(ToolError, match="no"):
        async with Client(transport):
            pass
    assert closed == ["good"]
