"""Tools that search tools, render prompts, read resources; and versions that are chosen from (FASTMCP 2.2, K-09)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from mcp_runtime.framework.components.access import AuthContext
from mcp_runtime.framework.composition.as_tools import PromptsAsTools, ResourcesAsTools
from mcp_runtime.framework.composition.searching import BM25SearchTransform, RegexSearchTransform
from mcp_runtime.framework.composition.transforms import VersionFilter
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.middleware import Middleware

pytestmark = pytest.mark.fastmcp("K-09", status="later")


def nobody(context: AuthContext) -> bool:
    return False


def workshop(*transforms: Any, **options: Any) -> FastMCP:
    mcp = FastMCP("workshop", transforms=transforms, **options)

    @mcp.tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @mcp.tool
    def delete_file(path: str) -> str:
        """Remove a file from the disk."""
        return f"deleted {path}"

    @mcp.tool
    def send_invoice(customer: str) -> str:
        """Send a bill to a customer, with all numbers."""
        return customer

    @mcp.tool(auth=nobody)
    def delete_everything() -> None:
        """Remove every file."""

    return mcp


async def names(client: Client) -> list[str]:
    return [tool.name for tool in await client.list_tools()]


async def found(client: Client, **query: str) -> list[str]:
    return [tool["name"] for tool in (await client.call_tool("search_tools", query)).structured_content["result"]]


async def test_only_the_search_and_what_is_pinned_are_listed() -> None:
    async with Client(workshop(BM25SearchTransform(always_visible=["add"]))) as client:
        assert await names(client) == ["add", "search_tools", "call_tool"]


async def test_words_find_tools_by_relevance() -> None:
    async with Client(workshop(BM25SearchTransform(max_results=2))) as client:
        assert await found(client, query="add numbers") == ["add", "send_invoice"]
        assert await found(client, query="DELETE a File") == ["delete_file", "send_invoice"]
        assert await found(client, query="telescope") == []


async def test_a_pattern_finds_tools() -> None:
    async with Client(workshop(RegexSearchTransform())) as client:
        assert await found(client, pattern="^ADD|customer") == ["add", "send_invoice"]


@pytest.mark.parametrize("pattern", ["(", "(?=a)", "x" * 1001])
async def test_what_is_no_pattern_finds_nothing(pattern: str) -> None:
    async with Client(workshop(RegexSearchTransform())) as client:
        assert await found(client, pattern=pattern) == []


async def test_what_was_found_is_called_by_way_of_a_tool_and_by_its_name() -> None:
    async with Client(workshop(BM25SearchTransform())) as client:
        by_tool = await client.call_tool("call_tool", {"name": "add", "arguments": {"a": 1, "b": 2}})
        assert by_tool.structured_content == {"result": 3}
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


async def test_what_the_caller_may_not_see_is_neither_found_nor_called() -> None:
    async with Client(workshop(RegexSearchTransform())) as client:
        assert await found(client, pattern="delete") == ["delete_file"]
        result = await client.call_tool("call_tool", {"name": "delete_everything"}, raise_on_error=False)

    assert result.is_error


async def test_middleware_decides_what_is_found_and_sees_what_is_called() -> None:
    seen: list[str] = []

    class Strict(Middleware):
        async def on_list_tools(self, context: Any, call_next: Any) -> Any:
            return [tool for tool in await call_next(context) if tool.name != "add"]

        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            seen.append(context.message.name)
            return await call_next(context)

    async with Client(workshop(BM25SearchTransform(), middleware=[Strict()])) as client:
        assert await found(client, query="add numbers") == ["send_invoice"]
        await client.call_tool("call_tool", {"name": "send_invoice", "arguments": {"customer": "Ada"}})

    assert seen == ["search_tools", "call_tool", "send_invoice"]


async def test_the_call_tool_does_not_call_itself() -> None:
    async with Client(workshop(BM25SearchTransform())) as client:
        with pytest.raises(ToolError, match="by itself"):
            await client.call_tool("call_tool", {"name": "call_tool"})


async def test_results_are_written_as_the_author_says() -> None:
    search = BM25SearchTransform(search_result_serializer=lambda tools: ", ".join(tool.name for tool in tools))
    async with Client(workshop(search)) as client:
        result = await client.call_tool("search_tools", {"query": "numbers"})

    assert sorted(result.content[0].text.split(", ")) == ["add", "send_invoice"]


async def test_a_search_that_finds_no_tools_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="one tool at least"):
        BM25SearchTransform(max_results=0)


async def test_a_searched_server_is_mounted() -> None:
    main = FastMCP("main")
    main.mount(workshop(BM25SearchTransform()), prefix="w")
    async with Client(main) as client:
        assert await names(client) == ["w_search_tools", "w_call_tool"]
        result = await client.call_tool("w_call_tool", {"name": "add", "arguments": {"a": 1, "b": 2}})

    assert result.structured_content == {"result": 3}


@pytest.fixture
def library() -> FastMCP:
    mcp = FastMCP("library")
    mcp.add_transform(PromptsAsTools(mcp))
    mcp.add_transform(ResourcesAsTools(mcp))
    mcp.resource("data://a", name="a")(lambda: "A")
    mcp.resource("data://raw", name="raw", mime_type="image/png")(lambda: b"\xff")

    @mcp.resource("data://t/{x}")
    def t(x: str) -> str:
        return x

    @mcp.prompt
    def greet(name: str, how: str = "Hi") -> str:
        """Greets."""
        return f"{how} {name}"

    return mcp


async def test_prompts_are_listed_and_rendered_by_tools(library: FastMCP) -> None:
    async with Client(library) as client:
        listed = json.loads((await client.call_tool("list_prompts")).data)
        rendered = await client.call_tool("get_prompt", {"name": "greet", "arguments": {"name": "A"}})

    assert [one["name"] for one in listed] == ["greet"]
    assert [argument["required"] for argument in listed[0]["arguments"]] == [True, False]
    assert json.loads(rendered.data) == {"messages": [{"role": "user", "content": "Hi A"}]}


async def test_resources_are_listed_and_read_by_tools(library: FastMCP) -> None:
    uris = [f"data://{name}" for name in ("a", "raw", "t/7")]
    async with Client(library) as client:
        listed = json.loads((await client.call_tool("list_resources")).data)
        texts = [(await client.call_tool("read_resource", {"uri": uri})).data for uri in uris]

    assert [one.get("uri", one.get("uri_template")) for one in listed] == ["data://a", "data://raw", "data://t/{x}"]
    assert texts == ["A", "/w==", "7"]


@pytest.mark.parametrize(("tool", "arguments"), [("get_prompt", {"name": "no"}), ("read_resource", {"uri": "no://x"})])
async def test_what_is_not_there_is_an_error_of_the_tool(
    library: FastMCP, tool: str, arguments: dict[str, str]
) -> None:
    async with Client(library) as client:
        result = await client.call_tool(tool, arguments, raise_on_error=False)

    assert result.is_error


def versions(**options: Any) -> FastMCP:
    mcp = FastMCP("versions", **options)
    for version in ("1.0", "2.0", "3.0"):
        mcp.tool(lambda version=version: version, name="which", version=version)
    mcp.tool(lambda: "none", name="plain")
    return mcp


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"version_lt": "3.0"}, {"which": "2.0", "plain": None}),
        ({"version_gte": "2.0", "version_lt": "2.5"}, {"which": "2.0", "plain": None}),
        ({"version_gte": "3.0", "include_unversioned": False}, {"which": "3.0"}),
        ({"version_gte": "4.0"}, {"plain": None}),
    ],
)
async def test_of_the_versions_in_range_the_highest_is_offered(bounds: Any, expected: dict[str, str | None]) -> None:
    mcp = versions(transforms=[VersionFilter(**bounds)])

    assert {tool.name: tool.version for tool in await mcp.list_tools()} == expected


async def test_a_version_out_of_range_is_not_called() -> None:
    mcp = FastMCP("one", transforms=[VersionFilter(version_lt="2.0")])

    @mcp.tool(version="1.0")
    def which() -> str:
        return "1.0"

    @mcp.tool(name="which", version="2.0")
    def newer() -> str:
        return "2.0"

    async with Client(mcp) as client:
        assert (await client.call_tool("which")).data == "1.0"


def test_a_filter_without_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="version_gte="):
        VersionFilter()
