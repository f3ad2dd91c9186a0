"""Transformed tools, transforms and providers (FASTMCP K-09)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.components import Tool, ToolResult
from mcp_runtime.framework.composition.arguments import ArgTransform
from mcp_runtime.framework.composition.providers import FastMCPProvider, Provider
from mcp_runtime.framework.composition.transformed import forward, forward_raw
from mcp_runtime.framework.composition.transforms import (
    ArgTransformConfig,
    Namespace,
    ToolTransform,
    ToolTransformConfig,
    Transform,
    Visibility,
)
from mcp_runtime.framework.errors import NotFoundError, ToolError
from mcp_runtime.protocol.errors import McpError


@Tool.from_function
def search(q: str, limit: int = 10, key: str = "none") -> str:
    """Search for things."""
    return f"{q} {limit} {key}"


def offering(*tools: Tool) -> FastMCP:
    mcp = FastMCP("offering")
    for tool in tools:
        mcp.add_tool(tool)
    return mcp


async def called(tool: Tool, **arguments: Any) -> Any:
    """What a client gets from the tool."""
    async with Client(offering(tool)) as client:
        return (await client.call_tool(tool.name, arguments)).data


async def schema_of(tool: Tool) -> dict[str, Any]:
    async with Client(offering(tool)) as client:
        [found] = await client.list_tools()
    return dict(found.input_schema)


@pytest.mark.fastmcp("K-09")
async def test_a_tool_gets_another_name_and_description() -> None:
    tool = Tool.from_tool(search, name="find", description="Find things.", tags={"x"})

    async with Client(offering(tool)) as client:
        [found] = await client.list_tools()
    assert (found.name, found.description) == ("find", "Find things.")
    assert await called(tool, q="cats") == "cats 10 none"


@pytest.mark.fastmcp("K-09")
async def test_arguments_get_other_names_descriptions_and_defaults() -> None:
    tool = Tool.from_tool(
        search,
        transform_args={
            "q": ArgTransform(name="query", description="What to look for.", examples=["cats"]),
            "limit": ArgTransform(default=3),
        },
    )

    schema = await schema_of(tool)
    assert schema["properties"]["query"] == {
        "type": "string",
        "description": "What to look for.",
        "examples": ["cats"],
    }
    assert schema["properties"]["limit"]["default"] == 3
    assert schema["required"] == ["query"]
    assert await called(tool, query="cats") == "cats 3 none"


@pytest.mark.fastmcp("K-09", status="safer")
async def test_hidden_arguments_are_filled_in_and_cannot_be_sent() -> None:
    tool = Tool.from_tool(
        search,
        transform_args={
            "key": ArgTransform(hide=True, default_factory=lambda: "secret"),
            "limit": ArgTransform(hide=True),
        },
    )

    assert list((await schema_of(tool))["properties"]) == ["q"]
    assert await called(tool, q="cats") == "cats 10 secret"
    with pytest.raises(ToolError, match="takes no 'key'; it takes q"):
        await called(tool, q="cats", key="mine")


@pytest.mark.fastmcp("K-09")
async def test_an_argument_may_become_required_or_of_another_type() -> None:
    tool = Tool.from_tool(search, transform_args={"key": ArgTransform(required=True), "q": ArgTransform(type=int)})

    schema = await schema_of(tool)
    assert schema["required"] == ["q", "key"]
    assert schema["properties"]["q"]["type"] == "integer"
    with pytest.raises(ToolError, match="needs 'key'"):
        await called(tool, q=1)
    with pytest.raises(ToolError, match="'q' of 'search' does not fit"):
        await called(tool, q="cats", key="k")


@pytest.mark.fastmcp("K-09")
async def test_a_function_of_the_authors_calls_the_tool_inside() -> None:
    async def checked(query: str, ctx: Context) -> ToolResult:
        if query == "dogs":
            raise ToolError("Cats only.")
        return await forward(query=f"{query} on {ctx.fastmcp.name}")

    tool = Tool.from_tool(search, transform_fn=checked, transform_args={"q": ArgTransform(name="query")})

    assert list((await schema_of(tool))["properties"]) == ["query"]
    assert await called(tool, query="cats") == "cats on offering 10 none"
    with pytest.raises(ToolError, match=r"^Cats only\.$"):
        await called(tool, query="dogs")


@pytest.mark.fastmcp("K-09")
async def test_a_function_takes_the_other_arguments_by_its_keywords() -> None:
    async def loud(query: str, **others: Any) -> ToolResult:
        return await forward(query=query.upper(), **others)

    tool = Tool.from_tool(
        search,
        transform_fn=loud,
        transform_args={"q": ArgTransform(name="query", description="What."), "key": ArgTransform(hide=True)},
    )

    schema = await schema_of(tool)
    assert schema["properties"]["query"] == {"type": "string", "description": "What."}
    assert set(schema["properties"]) == {"query", "limit"}
    assert await called(tool, query="cats", limit=5) == "CATS 5 none"
    with pytest.raises(ToolError, match="takes no 'key'"):
        await called(tool, query="cats", key="mine")


@pytest.mark.fastmcp("K-09")
async def test_a_function_may_use_the_inner_names_and_answer_by_itself() -> None:
    async def lengths(words: list[str]) -> int:
        results = [await forward_raw(q=word) for word in words]
        return sum(len(result.content[0].text) for result in results)

    assert await called(Tool.from_tool(search, name="lengths", transform_fn=lengths), words=["a", "bb"]) == 19


@pytest.mark.fastmcp("K-09")
async def test_structure_may_be_taken_away() -> None:
    tool = Tool.from_tool(search, output_schema=None)

    async with Client(offering(tool)) as client:
        result = await client.call_tool("search", {"q": "cats"})
        assert (await client.list_tools())[0].output_schema is None
    assert (result.structured_content, result.content[0].text) == (None, "cats 10 none")


async def test_transformed_tools_are_transformed_again() -> None:
    once = Tool.from_tool(search, transform_args={"q": ArgTransform(name="query")})
    twice = Tool.from_tool(once, name="find", transform_args={"query": ArgTransform(name="what")})

    assert await called(twice, what="cats") == "cats 10 none"


async def test_a_tool_is_transformed_from_a_plain_function() -> None:
    def add(a: int, b: int) -> int:
        return a + b

    assert await called(Tool.from_tool(add, name="plus"), a=1, b=2) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": ArgTransform(name="y")}, "transform_args names 'x'; the tool 'search' has q, limit, key"),
        ({"q": ArgTransform(name="limit")}, "Two arguments of 'search' would be called 'limit'"),
        ({"q": ArgTransform(hide=True)}, "'q' of 'search' is required: to hide it, give a default"),
    ],
)
def test_wrong_changes_are_refused_at_once(changes: dict[str, ArgTransform], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Tool.from_tool(search, transform_args=changes)


@pytest.mark.parametrize(
    "options",
    [
        {"default": 1, "default_factory": int},
        {"default_factory": int},
        {"required": False},
        {"required": True, "default": 1},
        {"hide": True, "description": "x"},
    ],
)
def test_contradictions_in_one_argument_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"default|required|hidden"):
        ArgTransform(**options)


async def test_forwarding_outside_of_a_transform_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"forward\(\) is for the transform_fn"):
        await forward(q="x")


@pytest.mark.fastmcp("K-09")
async def test_a_server_transforms_tools_wherever_they_come_from() -> None:
    main = FastMCP("Main", tool_transformations={"w_search": {"name": "find", "arguments": {"q": {"name": "query"}}}})
    main.mount(offering(search), prefix="w")
    main.tool(lambda: 1, name="own")
    main.add_tool_transformation("own", ToolTransformConfig(enabled=False))

    async with Client(main) as client:
        assert [tool.name for tool in await client.list_tools()] == ["find"]
        assert (await client.call_tool("find", {"query": "cats"})).data == "cats 10 none"
        with pytest.raises(McpError, match="No tool named 'w_search'"):
            await client.call_tool("w_search", {"q": "cats"})
        main.remove_tool_transformation("own")
        assert [tool.name for tool in await client.list_tools()] == ["own", "find"]
    with pytest.raises(NotFoundError, match="no transformation of the tool 'own'"):
        main.remove_tool_transformation("own")


def test_a_transformation_with_an_unknown_member_is_refused() -> None:
    with pytest.raises(TypeError, match="ToolTransformConfig has no 'nmae'"):
        FastMCP().add_tool_transformation("x", {"nmae": "y"})
    with pytest.raises(TypeError, match="ArgTransformConfig has no 'nmae'"):
        ToolTransformConfig(arguments={"q": {"nmae": "y"}}).apply(search)


async def test_a_configuration_writes_what_it_can() -> None:
    config = ToolTransformConfig(
        title="Search",
        annotations={"readOnlyHint": True},
        arguments={"key": ArgTransformConfig(hide=True, default="k"), "q": ArgTransform(name="query")},
    )

    tool = config.apply(search)

    assert (tool.title, tool.annotations is not None and tool.annotations.read_only_hint) == ("Search", True)
    assert await called(tool, query="cats") == "cats 10 k"


@pytest.mark.fastmcp("K-09", status="later")
async def test_transforms_of_a_server_change_all_it_offers() -> None:
    mcp = offering(search)
    mcp.add_tool(Tool.from_tool(search, name="internal", tags={"internal"}))
    mcp.resource("data://x", name="x")(lambda: "x")
    mcp.add_transform(Visibility(False, tags={"internal"}))
    mcp.add_transform(Namespace("ns"))
    mcp.add_transform(ToolTransform({"ns_search": {"description": "Changed."}}))

    async with Client(mcp) as client:
        assert [(tool.name, tool.description) for tool in await client.list_tools()] == [("ns_search", "Changed.")]
        assert (await client.call_tool("ns_search", {"q": "cats"})).data == "cats 10 none"
        assert (await client.read_resource("data://ns/x"))[0].text == "x"
        with pytest.raises(McpError, match="No tool named"):
            await client.call_tool("internal", {"q": "cats"})


@pytest.mark.fastmcp("K-09", status="later")
async def test_a_transform_of_the_authors_own_is_awaited() -> None:
    class Shout(Transform):
        async def list_tools(self, tools: Sequence[Any]) -> Sequence[Any]:
            return [Tool.from_tool(tool, name=tool.name.upper()) for tool in tools]

    mcp = offering(search)
    mcp.add_transform(Shout())

    async with Client(mcp) as client:
        assert [tool.name for tool in await client.list_tools()] == ["SEARCH"]
        assert (await client.call_tool("SEARCH", {"q": "cats"})).data == "cats 10 none"
        with pytest.raises(McpError, match="No tool named"):
            await client.call_tool("search", {"q": "cats"})


class Database(Provider):
    """Provides a tool for each name, and one that is not listed."""

    def __init__(self) -> None:
        self.names = ["one"]
        self.asked = 0

    async def _list_tools(self) -> Sequence[Any]:
        self.asked += 1
        return [self.made(name) for name in self.names]

    async def _get_tool(self, name: str) -> Any:
        return self.made("secret") if name == "secret" else None

    def made(self, name: str) -> Tool:
        return Tool.from_function(lambda: name, name=name)


@pytest.mark.fastmcp("K-09", status="later")
async def test_a_provider_is_asked_when_it_is_needed() -> None:
    provider = Database()
    provider.cache_seconds = 3600
    mcp = FastMCP()
    mcp.add_provider(provider)

    async with Client(mcp) as client:
        assert [tool.name for tool in await client.list_tools()] == ["one"]
        assert (await client.call_tool("one")).content[0].text == "one"
        assert (await client.call_tool("secret")).content[0].text == "secret"
        assert provider.asked == 1
        with pytest.raises(McpError, match="No tool named 'two'"):
            await client.call_tool("two")
    assert (await mcp.get_tool("one")).name == "one"


@pytest.mark.fastmcp("K-09", status="later")
async def test_a_provider_may_have_a_namespace_and_a_server_be_one() -> None:
    mcp = FastMCP()
    mcp.add_provider(Database(), namespace="db")
    mcp.add_provider(FastMCPProvider(offering(search)), namespace="s")

    async with Client(mcp) as client:
        assert [tool.name for tool in await client.list_tools()] == ["db_one", "s_search"]
        assert (await client.call_tool("db_one")).content[0].text == "one"
    with pytest.raises(TypeError, match=r"add_provider\(\) takes a Provider, not dict"):
        mcp.add_provider({})


@pytest.mark.fastmcp("K-08", status="later")
async def test_a_provider_that_fails_is_logged_and_left_out(caplog: pytest.LogCaptureFixture) -> None:
    class Down(Provider):
        async def _list_tools(self) -> Sequence[Any]:
            raise ConnectionError("database is down")

    mcp = offering(search)
    mcp.add_provider(Down())

    async with Client(mcp) as client:
        assert [tool.name for tool in await client.list_tools()] == ["search"]
    assert "database is down" in caplog.text
    assert json.dumps([tool.name for tool in await mcp.list_tools()]) == '["search"]'


async def test_requests_that_come_together_ask_a_provider_once() -> None:
    class Slow(Database):
        cache_seconds = 3600

        async def _list_tools(self) -> Sequence[Any]:
            await asyncio.sleep(0)  # lets the others in
            return await super()._list_tools()

    provider = Slow()
    mcp = FastMCP()
    mcp.add_provider(provider)

    await asyncio.gather(*(mcp.list_tools() for _ in range(10)))

    assert provider.asked == 1
