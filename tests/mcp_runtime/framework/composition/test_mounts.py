"""Servers mounted in servers (FASTMCP K-02 to K-08, S-04, S-08 to S-10)."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.errors import NotFoundError, ToolError
from mcp_runtime.framework.middleware import Middleware
from mcp_runtime.framework.middleware.caching import ResponseCachingMiddleware
from mcp_runtime.framework.middleware.timing import TimingMiddleware
from mcp_runtime.framework.serving import describe, serve
from mcp_runtime.protocol.errors import McpError, UnknownResource, UnknownTool
from tests.mcp_runtime.framework.exchanges import Recorder


def weather() -> FastMCP:
    """A server with one component of each kind."""
    mcp = FastMCP("Weather")

    @mcp.tool(tags={"free"})
    def get_forecast(city: str) -> str:
        """The forecast."""
        return f"Sunny in {city}"

    @mcp.resource("data://info", name="info")
    def info() -> str:
        return "all about it"

    @mcp.resource("data://{city}/now", name="now")
    def now(city: str) -> str:
        return f"{city} now"

    @mcp.prompt
    def ask(city: str) -> str:
        return f"How is {city}?"

    return mcp


async def names(mcp: FastMCP) -> list[str]:
    """The names of the tools that clients see."""
    async with Client(mcp) as client:
        return [tool.name for tool in await client.list_tools()]


@pytest.mark.fastmcp("K-02", "K-04")
async def test_everything_of_a_mounted_server_is_offered_under_the_prefix() -> None:
    main = FastMCP("Main")
    main.mount(weather(), prefix="weather")

    async with Client(main) as client:
        [tool] = await client.list_tools()
        [resource] = await client.list_resources()
        [template] = await client.list_resource_templates()
        [prompt] = await client.list_prompts()

        assert (tool.name, tool.description) == ("weather_get_forecast", "The forecast.")
        assert tool.input_schema["properties"]["city"] == {"type": "string"}
        assert (resource.uri, resource.name) == ("data://weather/info", "weather_info")
        assert (template.uri_template, template.name) == ("data://weather/{city}/now", "weather_now")
        assert prompt.name == "weather_ask"
        assert [argument.name for argument in prompt.arguments or []] == ["city"]


@pytest.mark.fastmcp("K-02", "K-04")
async def test_everything_of_a_mounted_server_answers_under_the_prefix() -> None:
    main = FastMCP("Main")
    main.mount(weather(), prefix="weather")

    async with Client(main) as client:
        assert (await client.call_tool("weather_get_forecast", {"city": "Lima"})).data == "Sunny in Lima"
        assert (await client.read_resource("data://weather/info"))[0].text == "all about it"
        contents = await client.read_resource("data://weather/Lima/now")
        assert (contents[0].text, contents[0].uri) == ("Lima now", "data://weather/Lima/now")
        prompt = await client.get_prompt("weather_ask", {"city": "Lima"})
        assert prompt.messages[0].content.text == "How is Lima?"


@pytest.mark.fastmcp("K-05")
async def test_without_a_prefix_the_names_stay() -> None:
    main = FastMCP("Main")
    main.mount(weather())

    async with Client(main) as client:
        assert (await client.call_tool("get_forecast", {"city": "Lima"})).data == "Sunny in Lima"
        assert (await client.read_resource("data://info"))[0].text == "all about it"
        assert (await client.read_resource("data://Lima/now"))[0].text == "Lima now"


@pytest.mark.fastmcp("S-08", "K-04", status="document")
async def test_the_older_prefix_format_goes_before_the_scheme() -> None:
    main = FastMCP("Main", resource_prefix_format="protocol")
    main.mount(weather(), prefix="weather")

    async with Client(main) as client:
        assert [resource.uri for resource in await client.list_resources()] == ["weather+data://info"]
        assert (await client.read_resource("weather+data://info"))[0].text == "all about it"
        assert (await client.read_resource("weather+data://Lima/now"))[0].text == "Lima now"


@pytest.mark.fastmcp("K-02", status="later")
async def test_the_later_word_for_prefix_works() -> None:
    main = FastMCP("Main")
    main.mount(weather(), namespace="weather")

    assert await names(main) == ["weather_get_forecast"]


async def test_the_order_of_arguments_of_older_versions_is_understood_with_a_warning() -> None:
    main = FastMCP("Main")
    with pytest.warns(DeprecationWarning, match="write mount"):
        main.mount("weather", weather())  # type: ignore[arg-type]  # that is the point

    assert await names(main) == ["weather_get_forecast"]


@pytest.mark.fastmcp("K-09")
async def test_single_tools_get_names_of_their_own() -> None:
    main = FastMCP("Main")
    main.mount(weather(), prefix="weather", tool_names={"get_forecast": "forecast"})

    async with Client(main) as client:
        assert [tool.name for tool in await client.list_tools()] == ["forecast"]
        assert (await client.call_tool("forecast", {"city": "Lima"})).data == "Sunny in Lima"


@pytest.mark.fastmcp("K-02")
async def test_what_is_added_switched_off_and_removed_later_shows_at_once() -> None:
    child = weather()
    main = FastMCP("Main")
    main.mount(child, prefix="w")
    assert await names(main) == ["w_get_forecast"]

    @child.tool
    def added_later() -> str:
        return "dynamic"

    async with Client(main) as client:
        assert (await client.call_tool("w_added_later")).data == "dynamic"
        assert await names(main) == ["w_get_forecast", "w_added_later"]
        child.get_tool("get_forecast").disable()
        assert await names(main) == ["w_added_later"]
        with pytest.raises(UnknownTool):
            await serve(main, "tools/call", {"name": "w_get_forecast"}, Recorder())
        child.remove_tool("added_later")
        assert await names(main) == []


@pytest.mark.fastmcp("K-02")
async def test_changes_pass_through_several_levels() -> None:
    inner, middle, outer = FastMCP("Inner"), FastMCP("Middle"), FastMCP("Outer")
    outer.mount(middle, prefix="m")
    middle.mount(inner, prefix="i")
    assert await names(outer) == []

    @inner.tool
    def deep(ctx: Context) -> str:
        return ctx.fastmcp.name

    async with Client(outer) as client:
        assert await names(outer) == ["m_i_deep"]
        assert (await client.call_tool("m_i_deep")).data == "Inner"


@pytest.mark.fastmcp("K-03")
async def test_later_mounts_beat_earlier_ones_and_local_components() -> None:
    def answering(name: str) -> FastMCP:
        mcp = FastMCP(name)
        mcp.tool(lambda: name, name="who")
        mcp.resource("data://who", name="who")(lambda: name)
        mcp.prompt(lambda: name, name="who")
        mcp.resource("data://{x}/t", name="t")(lambda x: name)
        return mcp

    main = answering("local")
    main.mount(answering("first"))
    main.mount(answering("last"))

    async with Client(main) as client:
        assert [tool.name for tool in await client.list_tools()] == ["who"]
        assert (await client.call_tool("who")).content[0].text == "last"
        assert (await client.read_resource("data://who"))[0].text == "last"
        assert (await client.read_resource("data://x/t"))[0].text == "last"
        assert (await client.get_prompt("who")).messages[0].content.text == "last"


@pytest.mark.fastmcp("K-07", "S-09", "S-10")
async def test_the_parents_tag_filters_apply_to_what_is_mounted() -> None:
    api = FastMCP("API")

    @api.tool(tags={"production"})
    def prod_endpoint() -> str:
        return "Production data"

    @api.tool(tags={"development"})
    def dev_endpoint() -> str:
        return "Debug data"

    main = FastMCP("Main", include_tags={"production"})
    main.mount(api, prefix="api")

    async with Client(main) as client:
        assert [tool.name for tool in await client.list_tools()] == ["api_prod_endpoint"]
        assert (await client.call_tool("api_prod_endpoint")).data == "Production data"
        with pytest.raises(UnknownTool):
            await serve(main, "tools/call", {"name": "api_dev_endpoint"}, Recorder())


@pytest.mark.fastmcp("K-07", "R-11", status="safer")
async def test_a_hidden_resource_is_not_found_under_a_template_of_the_parent() -> None:
    child = FastMCP("Child")

    @child.resource("data://secret", tags={"internal"})
    def secret() -> str:
        return "secret"

    main = FastMCP("Main", exclude_tags={"internal"})
    main.mount(child, prefix="c")

    @main.resource("data://{path*}", name="any")
    def anything(path: str) -> str:
        return path

    async with Client(main) as client:
        assert (await client.read_resource("data://c/other"))[0].text == "c/other"
        with pytest.raises(McpError, match="No resource at"):
            await client.read_resource("data://c/secret")


@pytest.mark.fastmcp("M-13", "K-02")
async def test_a_mounted_servers_own_middleware_runs_inside() -> None:
    pages: list[str] = []

    class Note(Middleware):
        def __init__(self, name: str) -> None:
            self.name = name

        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            pages.append(f"{self.name} {context.message.name} on {context.fastmcp_context.fastmcp.name}")
            return await call_next(context)

    child, main = weather(), FastMCP("Main")
    child.add_middleware(Note("inner"))
    main.add_middleware(Note("outer"))
    main.mount(child, prefix="w")

    async with Client(main) as client:
        await client.call_tool("w_get_forecast", {"city": "Lima"})

    assert pages == ["outer w_get_forecast on Main", "inner get_forecast on Weather"]


@pytest.mark.fastmcp("M-08", "K-02")
async def test_a_mounted_servers_middleware_has_a_say_in_its_part_of_the_list() -> None:
    class Hide(Middleware):
        async def on_list_tools(self, context: Any, call_next: Any) -> Any:
            subject = context.fastmcp_context.exchange.caller.subject
            return [tool for tool in await call_next(context) if subject == "ada"]

    child, main = weather(), FastMCP("Main")
    child.add_middleware(Hide())
    main.mount(child, prefix="w")
    main.tool(lambda: 1, name="own")

    async def listed(subject: str) -> list[str]:
        answer: Any = await serve(main, "tools/list", {}, Recorder(subject))
        return [tool["name"] for tool in msgspec.json.decode(msgspec.json.encode(answer["tools"]))]

    assert await listed("ben") == ["own"]
    assert await listed("ada") == ["own", "w_get_forecast"]


@pytest.mark.fastmcp("S-04", status="safer")
async def test_the_outermost_servers_mask_covers_mounted_servers_once() -> None:
    child = FastMCP("Child", mask_error_details=False)

    @child.tool
    def tool() -> str:
        raise RuntimeError("password=1")

    @child.resource("data://x")
    def resource() -> str:
        raise RuntimeError("password=1")

    @child.prompt
    def prompt() -> str:
        raise RuntimeError("password=1")

    @child.tool
    def told() -> str:
        raise ToolError("Ask again.")

    main = FastMCP("Main", mask_error_details=True)
    main.mount(child, prefix="c")

    async with Client(main) as client:
        with pytest.raises(ToolError, match=r"^Error calling tool 'c_tool'$"):
            await client.call_tool("c_tool")
        with pytest.raises(McpError, match=r"^Error reading resource 'data://c/x'$"):
            await client.read_resource("data://c/x")
        with pytest.raises(McpError, match=r"^Error rendering prompt 'c_prompt'$"):
            await client.get_prompt("c_prompt")
        with pytest.raises(ToolError, match=r"^Ask again\.$"):
            await client.call_tool("c_told")


@pytest.mark.fastmcp("S-04", status="safer")
async def test_a_mounted_servers_own_mask_holds_in_a_parent_that_has_none() -> None:
    child = FastMCP("Child", mask_error_details=True)

    @child.tool
    def tool() -> str:
        raise RuntimeError("password=1")

    main = FastMCP("Main")
    main.mount(child, prefix="c")

    async with Client(main) as client:
        with pytest.raises(ToolError, match=r"^Error calling tool 'c_tool'$"):
            await client.call_tool("c_tool")


@pytest.mark.fastmcp("K-06", status="safer")
async def test_lifespans_of_mounted_servers_begin_and_end_with_the_parents() -> None:
    pages: list[str] = []

    def living(name: str) -> FastMCP:
        @asynccontextmanager
        async def lifespan(_: FastMCP) -> AsyncIterator[dict[str, str]]:
            pages.append(f"{name} up")
            yield {"name": name}
            pages.append(f"{name} down")

        return FastMCP(name, lifespan=lifespan)

    child, main = living("child"), living("main")

    @child.tool
    def whose(ctx: Context) -> str:
        return str(ctx.lifespan_context["name"])

    main.mount(child, prefix="c")
    async with Client(main) as client:
        assert pages == ["main up", "child up"]
        assert (await client.call_tool("c_whose")).data == "child"
    assert pages == ["main up", "child up", "child down", "main down"]


@pytest.mark.fastmcp("K-08")
async def test_a_child_that_does_not_start_is_logged_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    def connect() -> None:
        raise RuntimeError("no database")

    @asynccontextmanager
    async def lifespan(_: FastMCP) -> AsyncIterator[None]:
        connect()
        yield

    broken = FastMCP("Broken", lifespan=lifespan)
    broken.tool(lambda: 1, name="never")
    main = FastMCP("Main")
    main.mount(broken, prefix="b")
    main.mount(weather(), prefix="w")

    async with Client(main) as client:
        assert (await client.call_tool("w_get_forecast", {"city": "Lima"})).data == "Sunny in Lima"
        with pytest.raises(ToolError, match="no database"):
            await client.call_tool("b_never")
    assert "'Broken' does not start" in caplog.text


@pytest.mark.fastmcp("K-08")
async def test_a_child_whose_list_fails_is_logged_and_skipped(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Middleware):
        async def on_list_tools(self, context: Any, call_next: Any) -> Any:
            raise RuntimeError("no list today")

    child, main = weather(), FastMCP("Main")
    child.add_middleware(Broken())
    main.mount(child, prefix="broken")
    main.mount(weather(), prefix="w")

    with caplog.at_level(logging.ERROR):
        assert await names(main) == ["w_get_forecast"]
    assert "no list today" in caplog.text


@pytest.mark.fastmcp("K-02")
async def test_state_set_by_the_parents_middleware_reaches_the_childs_tool() -> None:
    class Set(Middleware):
        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            await context.fastmcp_context.set_state("who", "ada")
            return await call_next(context)

    child, main = FastMCP("Child"), FastMCP("Main")

    @child.tool
    async def who(ctx: Context) -> Any:
        value: Any = ctx.get_state("who")
        return await value if hasattr(value, "__await__") else value

    main.add_middleware(Set())
    main.mount(child)

    async with Client(main) as client:
        assert (await client.call_tool("who")).content[0].text == "ada"


async def test_a_server_cannot_contain_itself() -> None:
    outer, inner = FastMCP("Outer"), FastMCP("Inner")
    outer.mount(inner)

    with pytest.raises(ValueError, match="'Outer' cannot be mounted in 'Inner', which it contains itself"):
        inner.mount(outer)
    with pytest.raises(ValueError, match="cannot be mounted"):
        inner.mount(inner)


async def test_what_is_no_server_is_not_mounted() -> None:
    with pytest.raises(TypeError, match=r"mount\(\) takes a FastMCP server, not dict"):
        FastMCP().mount({})


async def test_a_server_taken_out_is_gone() -> None:
    child, main = weather(), FastMCP("Main")
    main.mount(child, prefix="w")
    main.unmount(child)

    assert await names(main) == []
    with pytest.raises(NotFoundError, match="is not mounted in 'Main'"):
        main.unmount(child)


async def test_a_mounted_tool_is_found_by_its_name_here_at_once_or_awaited() -> None:
    main = FastMCP("Main")
    main.mount(weather(), prefix="w")

    assert main.get_tool("w_get_forecast").name == "w_get_forecast"
    assert (await main.get_tool("w_get_forecast")).name == "w_get_forecast"
    assert list(await main.get_tools()) == ["w_get_forecast"]
    main.get_tool("w_get_forecast").disable()
    assert await names(main) == []


async def test_unknown_names_stay_unknown() -> None:
    main = FastMCP("Main")
    main.mount(weather(), prefix="w")

    for name in ("get_forecast", "w_", "w_w_get_forecast", "weather_get_forecast"):
        with pytest.raises(UnknownTool):
            await serve(main, "tools/call", {"name": name}, Recorder())
    for uri in ("data://info", "data://w", "data://w/", "data://w/w/info"):
        with pytest.raises(UnknownResource):
            await serve(main, "resources/read", {"uri": uri}, Recorder())


async def test_the_manifest_describes_what_is_mounted() -> None:
    main = FastMCP("Main")
    main.mount(weather(), prefix="w")

    manifest = await describe(main)

    assert [tool["name"] for tool in manifest.tools] == ["w_get_forecast"]
    assert [template["uriTemplate"] for template in manifest.resource_templates] == ["data://w/{city}/now"]


async def test_a_parent_that_is_gone_is_not_held_by_its_child() -> None:
    child = weather()
    parent = FastMCP("Parent")
    parent.mount(child, prefix="w")
    await names(parent)

    gone = weakref.ref(parent)
    del parent
    gc.collect()
    assert gone() is None
    child.remove_tool("get_forecast")


@pytest.mark.fastmcp("K-01")
async def test_an_import_is_a_copy_of_what_there_is_now() -> None:
    child, main = weather(), FastMCP("Main")
    await main.import_server(child, prefix="weather")

    @child.tool
    def added_later() -> str:
        return "not here"

    child.get_tool("get_forecast").disable()
    async with Client(main) as client:
        assert [tool.name for tool in await client.list_tools()] == ["weather_get_forecast"]
        assert (await client.call_tool("weather_get_forecast", {"city": "Lima"})).data == "Sunny in Lima"
        assert (await client.read_resource("data://weather/info"))[0].text == "all about it"
        assert (await client.read_resource("data://weather/Lima/now"))[0].text == "Lima now"
        prompt = await client.get_prompt("weather_ask", {"city": "Lima"})
        assert prompt.messages[0].content.text == "How is Lima?"


@pytest.mark.fastmcp("K-01", "K-05")
async def test_an_import_without_a_prefix_keeps_the_names() -> None:
    main = FastMCP("Main")
    await main.import_server(weather())

    async with Client(main) as client:
        assert (await client.call_tool("get_forecast", {"city": "Lima"})).data == "Sunny in Lima"
        assert (await client.read_resource("data://Lima/now"))[0].text == "Lima now"


@pytest.mark.fastmcp("K-01")
async def test_an_import_leaves_lifespan_and_middleware_behind_with_a_warning() -> None:
    child, main = weather(), FastMCP("Main")

    class Refuse(Middleware):
        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            raise ToolError("no")

    child.add_middleware(Refuse())
    with pytest.warns(RuntimeWarning, match="without its lifespan and middleware"):
        await main.import_server(child)

    async with Client(main) as client:
        assert (await client.call_tool("get_forecast", {"city": "Lima"})).data == "Sunny in Lima"


@pytest.mark.fastmcp("K-08", status="safer")
async def test_a_list_of_many_mounts_is_worked_out_once() -> None:
    main = FastMCP("Main")
    for number in range(50):
        child = FastMCP(f"child {number}")
        for tool in range(10):
            child.tool(lambda: 1, name=f"t{tool}")
        main.mount(child, prefix=f"c{number}")

    first: Any = await serve(main, "tools/list", {}, Recorder())
    second: Any = await serve(main, "tools/list", {}, Recorder())

    assert first["tools"] is second["tools"]
    assert len(await main.list_tools()) == 500


@pytest.mark.fastmcp("M-08", "K-02", status="safer")
async def test_lists_vary_where_somebody_may_change_them_and_not_where_somebody_looks_on() -> None:
    class Hide(Middleware):
        async def on_list_tools(self, context: Any, call_next: Any) -> Any:
            return []

    watched, hiding, main = weather(), weather(), FastMCP("Main")
    watched.add_middleware(TimingMiddleware())
    watched.add_middleware(ResponseCachingMiddleware())
    main.mount(watched, prefix="watched")
    assert not main.lists_vary("tools")

    main.mount(hiding, prefix="hiding")
    hiding.add_middleware(Hide())
    assert main.lists_vary("tools")
    assert not main.lists_vary("prompts")
