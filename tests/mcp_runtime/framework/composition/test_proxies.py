"""Proxies of other servers (FASTMCP K-06, K-09)."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.asking.elicitation import AcceptedElicitation
from mcp_runtime.framework.composition.proxy import FastMCPProxy, ProxyClient, create_proxy
from mcp_runtime.framework.composition.relaying import Relay
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.exchange import CannotAsk
from mcp_runtime.framework.serving import serve
from mcp_runtime.framework.types import Root
from mcp_runtime.protocol.errors import McpError
from tests.mcp_runtime.framework.exchanges import Recorder


def backend() -> FastMCP:
    mcp = FastMCP("Backend")

    @mcp.tool(tags={"math"}, annotations={"readOnlyHint": True})
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    @mcp.tool
    def fail() -> str:
        raise ToolError("It does not work.")

    @mcp.resource("data://text")
    def text() -> str:
        return "text"

    @mcp.resource("data://bytes")
    def some_bytes() -> bytes:
        return b"\x00\xff"

    @mcp.resource("data://{name}/x")
    def named(name: str) -> str:
        return name

    @mcp.prompt
    def ask(topic: str) -> str:
        return f"Tell me about {topic}."

    return mcp


@pytest.mark.fastmcp("K-09")
async def test_a_proxy_offers_what_the_other_server_offers() -> None:
    proxy = FastMCP.as_proxy(backend(), name="Proxy")

    async with Client(proxy) as client, Client(backend()) as direct:
        assert client.initialize_result.server_info.name == "Proxy"
        assert [tool.to_wire() for tool in await client.list_tools()] == [
            tool.to_wire() for tool in await direct.list_tools()
        ]
        assert await client.list_resources() == await direct.list_resources()
        assert await client.list_resource_templates() == await direct.list_resource_templates()
        assert await client.list_prompts() == await direct.list_prompts()


@pytest.mark.fastmcp("K-09")
async def test_a_proxy_hands_on_calls_reads_and_prompts() -> None:
    async with Client(FastMCP.as_proxy(backend())) as client:
        result = await client.call_tool("add", {"a": 1, "b": 2})
        assert (result.data, result.structured_content) == (3, {"result": 3})
        assert (await client.read_resource("data://text"))[0].text == "text"
        assert (await client.read_resource("data://bytes"))[0].blob == "AP8="
        assert (await client.read_resource("data://cat/x"))[0].text == "cat"
        assert (await client.get_prompt("ask", {"topic": "cats"})).messages[0].content.text == "Tell me about cats."


@pytest.mark.fastmcp("K-09")
async def test_a_proxys_errors_are_the_other_servers() -> None:
    async with Client(FastMCP.as_proxy(backend())) as client:
        with pytest.raises(ToolError, match=r"^It does not work\.$"):
            await client.call_tool("fail")
        with pytest.raises(McpError, match="No tool named 'none'"):
            await client.call_tool("none")
        with pytest.raises(McpError, match="No resource at"):
            await client.read_resource("data://none")


@pytest.mark.protocol("R-07")
@pytest.mark.fastmcp("K-09")
async def test_a_proxy_of_a_server_in_this_process_shows_changes_at_once() -> None:
    mcp = backend()
    async with Client(FastMCP.as_proxy(mcp)) as client:
        assert len(await client.list_tools()) == 2
        mcp.tool(lambda: 1, name="new")
        assert len(await client.list_tools()) == 3
        assert (await client.call_tool("new")).content[0].text == "1"


@pytest.mark.fastmcp("K-09")
async def test_a_tool_that_the_cached_list_lacks_is_looked_for_once_more() -> None:
    mcp = backend()
    proxy = create_proxy(Client(mcp), cache_seconds=3600)
    async with Client(proxy) as client:
        await client.list_tools()
        mcp.tool(lambda: 1, name="new")
        with pytest.raises(McpError, match="No tool named 'new'"):  # looked a moment ago
            await client.call_tool("new")
        for source in proxy._sources:
            source._loaded.clear()  # type: ignore[attr-defined]  # as if that were long ago
            source._loaded.update(dict.fromkeys(("tools", "resources", "resourceTemplates", "prompts"), 0.0))  # type: ignore[attr-defined]
        assert (await client.call_tool("new")).content[0].text == "1"


@pytest.mark.fastmcp("K-09", "C-02", "C-03")
async def test_log_messages_and_progress_are_relayed() -> None:
    mcp = FastMCP("Backend")

    @mcp.tool
    async def work(ctx: Context) -> str:
        await ctx.info("half way")
        await ctx.report_progress(1, 2, "half")
        return "done"

    exchange = Recorder(log_level="debug", progress=True)
    await serve(FastMCP.as_proxy(mcp), "tools/call", {"name": "work"}, exchange)

    assert exchange.sent == [
        ("log", "info", {"msg": "half way", "extra": None}),
        ("progress", 1, 2, "half"),
    ]


@dataclass
class Person:
    name: str


def asking() -> FastMCP:
    """A server that asks its client."""
    mcp = FastMCP("Asking")

    @mcp.tool
    async def greet(ctx: Context) -> str:
        answer = await ctx.elicit("Who are you?", Person)
        return f"Hello {answer.data.name}" if isinstance(answer, AcceptedElicitation) else answer.action

    @mcp.tool
    async def poem(ctx: Context) -> str:
        return str((await ctx.sample("Write a poem.", system_prompt="Be brief.", temperature=0.5)).text)

    @mcp.tool
    async def folders(ctx: Context) -> list[str]:
        return [str(root.uri) for root in await ctx.list_roots()]

    return mcp


@pytest.mark.protocol("SA-01")
@pytest.mark.fastmcp("K-09", "C-08", "C-09", status="safer")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_questions_are_relayed_to_whoever_asked_the_proxy(mode: str) -> None:
    asked: list[Any] = []

    async def sample(messages: Any, params: Any, context: Any) -> str:
        asked.append((messages[0].content.text, params.systemPrompt, params.temperature))
        return "Roses."

    async def elicit(message: str, response_type: Any, params: Any, context: Any) -> Any:
        asked.append(message)
        return response_type(name="Ada")

    client = Client(
        FastMCP.as_proxy(asking()),
        sampling_handler=sample,
        elicitation_handler=elicit,
        roots=["file:///home"],
        mode=mode,
    )
    async with client:
        assert (await client.call_tool("greet")).data == "Hello Ada"
        assert (await client.call_tool("poem")).data == "Roses."
        assert (await client.call_tool("folders")).data == ["file:///home"]
    assert asked == ["Who are you?", ("Write a poem.", "Be brief.", 0.5)]


@pytest.mark.fastmcp("K-09")
async def test_a_client_that_cannot_be_asked_is_told_so_through_the_proxy() -> None:
    async with Client(FastMCP.as_proxy(asking())) as client:
        with pytest.raises(ToolError, match="elicitation"):
            await client.call_tool("greet")


async def test_questions_of_nobody_in_particular_are_not_relayed_to_somebody() -> None:
    relay = Relay()
    first, second = (Context(FastMCP(), Recorder(subject)) for subject in ("ada", "ben"))

    async def ask_from_elsewhere() -> None:
        with pytest.raises(CannotAsk, match="several calls are under way"):
            await relay.roots()

    with relay.serving(first), relay.serving(second):
        await asyncio.create_task(ask_from_elsewhere(), context=contextvars.Context())
    with pytest.raises(CannotAsk):
        await relay.roots()


@pytest.mark.protocol("R-07")
@pytest.mark.fastmcp("K-09", status="safer")
async def test_each_caller_has_a_connection_of_their_own_and_finds_it_again() -> None:
    opened: list[str] = []
    mcp = FastMCP("Backend")

    @mcp.tool
    def session(ctx: Context) -> str:
        return ctx.session_id

    proxy = FastMCP.as_proxy(mcp)

    for subject in ("ada", "ben", "ada"):
        answer: Any = await serve(proxy, "tools/call", {"name": "session"}, Recorder(subject))
        opened.append(answer["content"][0]["text"])
    await proxy.stop()

    assert opened[0] == opened[2] != opened[1]


@pytest.mark.fastmcp("K-09")
async def test_a_factory_of_clients_is_asked_for_each_request() -> None:
    made: list[Any] = []
    mcp = backend()

    def factory() -> Any:
        made.append(ProxyClient(mcp))
        return made[-1]

    proxy = FastMCPProxy(client_factory=factory)
    async with Client(proxy) as client:
        before = len(made)
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
        assert len(made) > before
        assert [tool.name for tool in await client.list_tools()] == ["add", "fail"]
        assert (await client.read_resource("data://text"))[0].text == "text"
        assert (await client.read_resource("data://cat/x"))[0].text == "cat"
        assert (await client.get_prompt("ask", {"topic": "x"})).messages[0].content.text == "Tell me about x."
        with pytest.raises(McpError, match="No tool named"):
            await client.call_tool("none")
    with pytest.raises(TypeError, match=r"FastMCPProxy\(\) takes client_factory="):
        FastMCPProxy()


@pytest.mark.fastmcp("K-09")
async def test_a_client_that_is_connected_already_serves_everybody() -> None:
    async with Client(backend()) as shared:
        proxy = FastMCP.as_proxy(shared)
        async with Client(proxy) as client:
            assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
        assert shared.is_connected()


@pytest.mark.fastmcp("K-06", status="safer")
async def test_a_server_mounted_as_a_proxy_has_its_whole_life_cycle() -> None:
    pages: list[str] = []

    @asynccontextmanager
    async def lifespan(_: FastMCP) -> AsyncIterator[None]:
        pages.append("up")
        yield
        pages.append("down")

    child = FastMCP("Child", lifespan=lifespan)
    child.tool(lambda: 1, name="one")
    main = FastMCP("Main")
    main.mount(child, prefix="c", as_proxy=True)

    async with Client(main) as client:
        assert [tool.name for tool in await client.list_tools()] == ["c_one"]
        assert (await client.call_tool("c_one")).content[0].text == "1"
        assert pages == ["up"]
    assert pages == ["up", "down"]


@pytest.mark.fastmcp("K-06", "K-04")
async def test_everything_of_a_proxy_is_mounted_under_its_prefix() -> None:
    main = FastMCP("Main")
    main.mount(FastMCP.as_proxy(backend()), prefix="p")

    async with Client(main) as client:
        assert (await client.call_tool("p_add", {"a": 1, "b": 2})).data == 3
        assert (await client.read_resource("data://p/text"))[0].text == "text"
        assert (await client.read_resource("data://p/cat/x"))[0].text == "cat"
        assert (await client.get_prompt("p_ask", {"topic": "x"})).messages[0].content.text == "Tell me about x."


@pytest.mark.fastmcp("K-07", "K-09")
async def test_tags_pass_through_a_proxy() -> None:
    main = FastMCP("Main", include_tags={"math"})
    main.mount(FastMCP.as_proxy(backend()), prefix="p")

    async with Client(main) as client:
        assert [tool.name for tool in await client.list_tools()] == ["p_add"]


@pytest.mark.fastmcp("K-08", "K-09")
async def test_a_proxy_that_reaches_nobody_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    main = FastMCP("Main")
    main.tool(lambda: 1, name="own")
    main.mount(FastMCP.as_proxy("http://127.0.0.1:9/mcp"), prefix="gone")

    async with Client(main) as client:
        assert [tool.name for tool in await client.list_tools()] == ["own"]
        assert (await client.call_tool("own")).content[0].text == "1"
    assert "could not be listed" in caplog.text


@pytest.mark.protocol("RO-01")
async def test_roots_of_a_client_reach_the_other_server_as_they_are() -> None:
    async with Client(FastMCP.as_proxy(asking()), roots=lambda _: [Root(uri="file:///a", name="A")]) as client:
        assert (await client.call_tool("folders")).data == ["file:///a"]


@pytest.mark.fastmcp("K-09", "C-08", "C-09", status="safer")
@pytest.mark.parametrize("upstream", ["auto", "legacy"])
@pytest.mark.parametrize("downstream", ["auto", "legacy"])
async def test_questions_are_relayed_over_http_in_every_combination_of_eras(upstream: str, downstream: str) -> None:
    far = asking()

    @far.tool
    async def work(ctx: Context) -> str:
        await ctx.report_progress(1, 2, "half")
        return "done"

    app = far.http_app()
    seen: list[Any] = []

    async def elicit(message: str, response_type: Any, params: Any, context: Any) -> Any:
        return response_type(name="Ada")

    async def progressed(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total, message))

    async with app.router.lifespan_context(app):
        proxy = FastMCP.as_proxy(Client(app, mode=upstream))
        async with Client(
            proxy, mode=downstream, elicitation_handler=elicit, roots=["file:///home"], progress_handler=progressed
        ) as client:
            assert (await client.call_tool("greet")).data == "Hello Ada"
            assert (await client.call_tool("folders")).data == ["file:///home"]
            assert (await client.call_tool("work")).data == "done"
    assert seen == [(1, 2, "half")]


async def test_a_connection_that_cannot_be_made_is_made_anew_by_the_next_request() -> None:
    tries: list[int] = []

    @asynccontextmanager
    async def lifespan(_: FastMCP) -> AsyncIterator[None]:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("not yet")
        yield

    mcp = FastMCP("Backend", lifespan=lifespan)
    mcp.tool(lambda: 1, name="one")
    proxy = FastMCP.as_proxy(Client(mcp))

    assert await proxy.list_tools() == []  # logged and left out
    proxy._views.clear()
    answer: Any = await serve(proxy, "tools/call", {"name": "one"}, Recorder("ada"))
    await proxy.stop()

    assert answer["content"][0]["text"] == "1"


async def test_connections_left_idle_are_closed() -> None:
    proxy = FastMCP.as_proxy(backend())
    for number in range(70):
        await serve(proxy, "tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}, Recorder(f"caller {number}"))

    [source] = proxy._sources
    connections = source.provider.connections  # type: ignore[attr-defined]  # a provider's
    assert len(connections._held) <= 65
    await proxy.stop()
    assert not connections._held


@pytest.mark.fastmcp("K-09")
@pytest.mark.parametrize("kept", [True, False])
async def test_a_proxys_own_components_go_before_those_of_the_other_server(kept: bool) -> None:
    proxy = FastMCP.as_proxy(backend()) if kept else FastMCPProxy(client_factory=lambda: Client(backend()))
    proxy.tool(lambda: "mine", name="add")

    async with Client(proxy) as client:
        assert [tool.name for tool in await client.list_tools()] == ["add", "fail"]
        assert (await client.call_tool("add")).content[0].text == "mine"
