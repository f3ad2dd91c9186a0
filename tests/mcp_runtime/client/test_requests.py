"""What a client can ask beside tools (FASTMCP CL-01, CL-05 to CL-14, CL-19, CL-21)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.client.messages import MessageHandler, ServerMessage
from mcp_runtime.client.transports.memory import MemoryTransport
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.framework.types import Implementation, Root, Tool
from mcp_runtime.framework.types.lists import PromptReference, ResourceTemplateReference


@pytest.fixture
def mcp() -> FastMCP:
    server = FastMCP("shop", instructions="Buy.", version="3")

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @server.tool
    async def fail() -> None:
        raise ValueError("no")

    @server.resource("data://stock")
    def stock() -> str:
        return "full"

    @server.resource("data://{item}/price")
    def price(item: str) -> str:
        return "1"

    @server.prompt
    def greet(name: str) -> str:
        return f"Hello {name}"

    return server


class Recording(MemoryTransport):
    """Remembers what is asked, and answers some of it itself."""

    def __init__(self, server: FastMCP, answers: dict[str, dict[str, Any]] | None = None, mode: str = "auto") -> None:
        super().__init__(server, mode=mode)
        self.answers = answers or {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.told: list[tuple[str, dict[str, Any]]] = []

    async def request(self, method: str, params: dict[str, Any], *, progress: Any = None) -> dict[str, Any]:
        self.asked.append((method, params))
        if method in self.answers:
            return dict(self.answers[method])
        return await super().request(method, params, progress=progress)

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        self.told.append((method, params))
        await super().notify(method, params)


@pytest.mark.fastmcp("CL-01", "CL-07", "CL-09", "CL-10", "CL-11", "CL-12")
async def test_everything_a_server_offers_is_listed_and_used(mcp: FastMCP) -> None:
    async with Client(mcp) as client:
        assert [tool.name for tool in await client.list_tools()] == ["add", "fail"]
        assert [resource.uri for resource in await client.list_resources()] == ["data://stock"]
        assert [one.uri_template for one in await client.list_resource_templates()] == ["data://{item}/price"]
        assert [prompt.name for prompt in await client.list_prompts()] == ["greet"]
        assert (await client.read_resource("data://stock"))[0].text == "full"
        assert (await client.get_prompt("greet", {"name": "Ada"})).messages[0].content.text == "Hello Ada"


@pytest.mark.fastmcp("CL-07", "CL-08", "CL-09", "CL-10", "CL-11", "CL-12")
async def test_every_request_has_a_variant_that_gives_what_the_protocol_gives(mcp: FastMCP) -> None:
    async with Client(mcp) as client:
        tools = await client.list_tools_mcp()
        assert (tools.tools[0].name, tools.next_cursor) == ("add", None)
        assert (await client.list_resources_mcp()).resources[0].uri == "data://stock"
        assert (await client.list_resource_templates_mcp()).resource_templates[0].uri_template == "data://{item}/price"
        assert (await client.list_prompts_mcp()).prompts[0].name == "greet"
        assert (await client.read_resource_mcp("data://stock")).contents[0].text == "full"
        assert (await client.get_prompt_mcp("greet", {"name": "Ada"})).messages[0].role == "user"
        raw = await client.call_tool_mcp("fail", {})
        assert (raw.is_error, raw.isError) == (True, True)


@pytest.mark.fastmcp("CL-07")
async def test_a_listed_tool_is_read_at_the_first_look(mcp: FastMCP) -> None:
    async with Client(mcp) as client:
        first, again = (await client.list_tools())[0], (await client.list_tools())[0]
    assert isinstance(first, Tool)
    assert first == again
    assert type(first) is Tool
    assert first.input_schema["required"] == ["a", "b"]
    assert "add" in repr((again,))


@pytest.mark.fastmcp("CL-08")
async def test_no_list_is_fetched_for_a_call(mcp: FastMCP) -> None:
    transport = Recording(mcp)

    async with Client(transport) as client:
        assert await client.call_tool("add", {"a": 1, "b": 2}) == 3

    assert [method for method, _ in transport.asked] == ["server/discover", "tools/call"]


@pytest.mark.fastmcp("CL-08", status="later")
async def test_a_version_of_a_component_can_be_asked_for(mcp: FastMCP) -> None:
    transport = Recording(mcp, {"tools/call": {"content": []}})

    async with Client(transport) as client:
        await client.call_tool("add", {"a": 1, "b": 2}, version="2", meta={"trace": "t"})

    assert transport.asked[-1][1]["_meta"] == {"trace": "t", "fastmcp": {"version": "2"}}


@pytest.mark.fastmcp("CL-21")
@pytest.mark.protocol("C-01")
async def test_arguments_are_completed(mcp: FastMCP) -> None:
    answer = {"completion": {"values": ["Ada"], "total": 1, "hasMore": False}}
    transport = Recording(mcp, {"completion/complete": answer})

    async with Client(transport) as client:
        found = await client.complete(PromptReference(name="greet"), {"name": "name", "value": "A"}, {"other": "x"})
        await client.complete(ResourceTemplateReference(uri="data://{item}/price"), {"name": "item", "value": ""})

    assert (found.values, found.total, found.has_more) == (["Ada"], 1, False)
    assert transport.asked[1][1] == {
        "ref": {"type": "ref/prompt", "name": "greet"},
        "argument": {"name": "name", "value": "A"},
        "context": {"arguments": {"other": "x"}},
    }
    assert transport.asked[2][1]["ref"] == {"type": "ref/resource", "uri": "data://{item}/price"}


@pytest.mark.fastmcp("CL-21")
@pytest.mark.protocol("LG-01")
async def test_the_level_of_log_messages_is_the_clients_to_set(mcp: FastMCP) -> None:
    @mcp.tool
    async def talk(ctx: Context) -> None:
        await ctx.debug("small")
        await ctx.error("big")

    heard: list[str] = []
    async with Client(mcp, log_handler=lambda message: heard.append(message.data["msg"])) as client:
        await client.set_logging_level("warning")
        await client.call_tool("talk")
    assert heard == ["big"]

    transport = Recording(mcp, {"logging/setLevel": {}}, mode="legacy")
    async with Client(transport) as client:
        await client.set_logging_level("error")
    assert transport.asked[-1] == ("logging/setLevel", {"level": "error"})


@pytest.mark.fastmcp("CL-21")
async def test_notifications_can_be_sent(mcp: FastMCP) -> None:
    transport = Recording(mcp)

    async with Client(transport) as client:
        await client.cancel(7, reason="late")
        await client.progress("t", 1, total=2)
        await client.send_roots_list_changed()

    assert transport.told == [
        ("notifications/cancelled", {"requestId": 7, "reason": "late"}),
        ("notifications/progress", {"progressToken": "t", "progress": 1, "total": 2}),
        ("notifications/roots/list_changed", {}),
    ]
    with pytest.raises(RuntimeError, match="not connected"):
        await client.send_roots_list_changed()


@pytest.mark.fastmcp("CL-13")
@pytest.mark.parametrize(("mode", "method"), [("auto", "server/discover"), ("legacy", "ping")])
async def test_a_ping_is_what_its_era_has_for_it(mcp: FastMCP, mode: str, method: str) -> None:
    transport = Recording(mcp, mode=mode)

    async with Client(transport) as client:
        assert await client.ping() is True

    assert transport.asked[-1][0] == method


@pytest.mark.fastmcp("CL-14")
@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25"), ("2025-06-18",) * 2])
async def test_a_server_in_memory_is_spoken_to_in_the_era_asked_for(mcp: FastMCP, mode: str, version: str) -> None:
    async with Client(mcp, mode=mode) as client:
        assert client.protocol_version == version
        assert (client.server_info.name, client.instructions) == ("shop", "Buy.")
        assert "tools" in client.server_capabilities


@pytest.mark.fastmcp("CL-14")
async def test_a_server_that_does_not_introduce_itself_in_time_is_given_up(mcp: FastMCP) -> None:
    class Silent(MemoryTransport):
        async def introduce(self) -> Any:
            await asyncio.Event().wait()

    for options in ({"init_timeout": 0.01}, {"init_timeout": timedelta(milliseconds=10)}):
        with pytest.raises(RuntimeError, match="Failed to initialize server session"):
            async with Client(Silent(mcp), **options):
                pass
    async with Client(Silent(mcp), auto_initialize=False) as client:
        with pytest.raises(RuntimeError, match="Failed to initialize server session"):
            await client.initialize(timeout=0.01)


@pytest.mark.fastmcp("CL-14")
async def test_a_client_that_was_not_introduced_says_so(mcp: FastMCP) -> None:
    async with Client(mcp, auto_initialize=False) as client:
        with pytest.raises(ClientError, match="not been introduced"):
            _ = client.server_info


@pytest.mark.fastmcp("CL-05", "CL-21")
async def test_closing_ends_the_connection_for_all(mcp: FastMCP) -> None:
    client = Client(mcp)
    async with client, client:
        await client.close()
        assert not client.is_connected()
    assert not client.is_connected()
    async with client:
        assert client.is_connected()


@pytest.mark.fastmcp("CL-05")
async def test_a_server_that_does_not_say_goodbye_is_left(mcp: FastMCP, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_runtime.client.connection._CLOSING_SECONDS", 0.01)

    class Clinging(MemoryTransport):
        async def close(self) -> None:
            await asyncio.Event().wait()

    client = Client(Clinging(mcp))
    async with client:
        pass
    assert not client.is_connected()


@pytest.mark.fastmcp("CL-21")
async def test_a_new_client_is_a_connection_of_its_own(mcp: FastMCP) -> None:
    first = Client(mcp, roots=["file:///a"])
    second = first.new()

    async with first:
        assert not second.is_connected()
        async with second:
            assert await second.call_tool("add", {"a": 1, "b": 1}) == 2
    assert first.transport is not second.transport


@pytest.mark.fastmcp("CL-19")
async def test_the_client_says_who_it_is(mcp: FastMCP) -> None:
    transport = Recording(mcp, mode="legacy")

    async with Client(transport, client_info=Implementation(name="me", version="9")):
        pass

    method, params = transport.asked[0]
    assert (method, params["clientInfo"]) == ("initialize", {"name": "me", "version": "9"})
    assert transport.told == [("notifications/initialized", {})]


@pytest.mark.protocol("RO-01")
@pytest.mark.fastmcp("CL-19")
async def test_roots_may_come_from_a_function(mcp: FastMCP) -> None:
    @mcp.tool
    async def look(ctx: Context) -> list[str]:
        return [root.uri for root in await ctx.list_roots()]

    async def roots(context: Any) -> list[Root]:
        return [Root(uri=f"file:///{context.method}")]

    async with Client(mcp, roots=roots) as client:
        assert await client.call_tool("look") == ["file:///roots/list"]
        client.set_roots(["file:///b"])
        assert await client.call_tool("look") == ["file:///b"]


@pytest.mark.fastmcp("CL-18", "CL-19")
async def test_handlers_can_be_given_later(mcp: FastMCP) -> None:
    @mcp.tool
    async def ask(ctx: Context) -> list[Any]:
        answer: Any = await ctx.elicit("?")
        return [(await ctx.sample("?")).text, answer.data]

    client = Client(mcp)
    client.set_sampling_callback(lambda *_: "sampled")
    client.set_elicitation_callback(lambda *_: {"value": "typed"})
    async with client:
        assert await client.call_tool("ask") == ["sampled", "typed"]


@pytest.mark.fastmcp("CL-19")
async def test_a_message_handler_may_have_a_method_for_each_kind(mcp: FastMCP) -> None:
    heard: list[str] = []

    class Handler(MessageHandler):
        async def on_tool_list_changed(self, message: ServerMessage) -> None:
            heard.append("tools")

        async def on_logging_message(self, message: ServerMessage) -> None:
            heard.append((message.params or {})["data"]["msg"])

        async def on_message(self, message: ServerMessage) -> None:
            heard.append(message.root.method)

    @mcp.tool
    async def change(ctx: Context) -> None:
        await ctx.info("changing")
        await ctx.send_tool_list_changed()

    async with Client(mcp, message_handler=Handler(), log_handler=lambda message: None) as client:
        await client.call_tool("change")
    assert heard == ["notifications/message", "changing", "notifications/tools/list_changed", "tools"]


@pytest.mark.fastmcp("CL-07")
@pytest.mark.protocol("PG-01")
async def test_a_list_that_goes_round_in_circles_is_given_up(mcp: FastMCP) -> None:
    transport = Recording(mcp, {"prompts/list": {"prompts": [], "nextCursor": "again"}})

    async with Client(transport) as client:
        with pytest.raises(ClientError, match="the cursor 'again' twice"):
            await client.list_prompts()
