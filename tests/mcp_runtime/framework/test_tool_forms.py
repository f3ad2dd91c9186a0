"""How a function becomes a tool (FASTMCP T-01 to T-11, T-17)."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from mcp_runtime.framework.components import FunctionTool, Tool
from mcp_runtime.framework.errors import InvalidSignature
from mcp_runtime.framework.types import Icon, ToolAnnotations


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.mark.fastmcp("T-01", "T-02", "T-35")
@pytest.mark.parametrize(
    ("register", "name"),
    [
        (lambda mcp: mcp.tool(add), "add"),
        (lambda mcp: mcp.tool()(add), "add"),
        (lambda mcp: mcp.tool("sum")(add), "sum"),
        (lambda mcp: mcp.tool(name="sum")(add), "sum"),
        (lambda mcp: mcp.tool(add, name="sum"), "sum"),
        (lambda mcp: mcp.add_tool(Tool.from_function(add, name="sum")), "sum"),
        (lambda mcp: mcp.add_tool(add), "add"),
    ],
    ids=["bare", "called", "positional name", "keyword name", "function and name", "add_tool", "add_tool function"],
)
async def test_every_form_of_the_decorator_offers_the_tool(register: Any, name: str) -> None:
    mcp = FastMCP()

    register(mcp)

    async with Client(mcp) as client:
        assert [tool.name for tool in await client.list_tools()] == [name]
        assert await client.call_tool(name, {"a": 1, "b": 2}) == 3


@pytest.mark.fastmcp("T-02")
def test_two_names_for_one_tool_are_refused() -> None:
    mcp = FastMCP()

    with pytest.raises(TypeError, match="two names"):
        mcp.tool("one", name="two")


@pytest.mark.fastmcp("T-02", status="later")
def test_the_decorated_name_stays_callable_like_the_function() -> None:
    mcp = FastMCP()

    decorated = mcp.tool(add)

    assert decorated(1, 2) == 3
    assert getattr(decorated, "__name__", None) == "add"


@pytest.mark.fastmcp("T-02")
def test_the_decorated_name_offers_the_tools_attributes() -> None:
    mcp = FastMCP()

    decorated = mcp.tool(add, tags={"math"})

    assert isinstance(decorated, FunctionTool)
    assert (decorated.name, decorated.description, decorated.tags) == ("add", "Add two numbers.", {"math"})


@pytest.mark.fastmcp("T-02", status="later")
async def test_a_decorated_coroutine_function_can_be_awaited() -> None:
    mcp = FastMCP()

    @mcp.tool
    async def double(n: int) -> int:
        await asyncio.sleep(0)
        return 2 * n

    assert await double(4) == 8


async def test_one_function_may_be_a_tool_and_a_prompt() -> None:
    mcp = FastMCP()

    @mcp.tool
    @mcp.prompt
    def greet(name: str) -> str:
        return f"Hello {name}"

    async with Client(mcp) as client:
        assert await client.call_tool("greet", {"name": "Ada"}) == "Hello Ada"
        assert (await client.get_prompt("greet", {"name": "Ada"})).messages[0].content.text == "Hello Ada"


@pytest.mark.fastmcp("T-03")
def test_a_lambda_without_a_name_is_refused() -> None:
    mcp = FastMCP()

    with pytest.raises(ValueError, match="name="):
        mcp.tool(lambda: 1)


@pytest.mark.fastmcp("T-03")
async def test_a_lambda_with_a_name_is_a_tool() -> None:
    mcp = FastMCP()

    mcp.tool(lambda: 1, name="one")

    async with Client(mcp) as client:
        assert (await client.call_tool("one")).content[0].text == "1"


@pytest.mark.fastmcp("T-04")
async def test_a_given_description_beats_the_docstring() -> None:
    mcp = FastMCP()

    mcp.tool(add, description="Sums.")

    async with Client(mcp) as client:
        assert (await client.list_tools())[0].description == "Sums."


@pytest.mark.fastmcp("T-05")
async def test_tags_are_listed_in_order() -> None:
    mcp = FastMCP()

    mcp.tool(add, tags={"b", "a"})

    async with Client(mcp) as client:
        assert (await client.list_tools())[0].meta == {"_fastmcp": {"tags": ["a", "b"]}}


@pytest.mark.fastmcp("T-05")
def test_a_text_for_tags_is_refused() -> None:
    mcp = FastMCP()

    with pytest.raises(TypeError, match="set of names"):
        mcp.tool(add, tags="math")


@pytest.mark.fastmcp("T-07", "T-09", "T-10")
async def test_icons_annotations_and_meta_are_listed() -> None:
    mcp = FastMCP()

    mcp.tool(
        add,
        icons=[Icon(src="https://example.com/i.png", mime_type="image/png")],
        annotations={"title": "Adder", "readOnlyHint": True},
        meta={"team": "math"},
    )

    async with Client(mcp) as client:
        tool = (await client.list_tools())[0]
        assert tool.icons == [Icon(src="https://example.com/i.png", mime_type="image/png")]
        assert tool.annotations == ToolAnnotations(title="Adder", read_only_hint=True)
        assert (tool.title, tool.meta) == ("Adder", {"team": "math"})


@pytest.mark.fastmcp("T-17")
async def test_methods_static_methods_and_callable_objects_are_tools() -> None:
    class Counter:
        def __init__(self) -> None:
            self.count = 0

        def up(self, by: int = 1) -> int:
            self.count += by
            return self.count

        @staticmethod
        def zero() -> int:
            return 0

        def __call__(self, n: int) -> int:
            return n

    mcp, counter = FastMCP(), Counter()

    mcp.tool(counter.up)
    mcp.tool(Counter.zero)
    mcp.tool(counter)

    async with Client(mcp) as client:
        assert await client.call_tool("up", {"by": 2}) == 2
        assert await client.call_tool("zero") == 0
        assert await client.call_tool("Counter", {"n": 5}) == 5


async def test_a_partial_keeps_its_bound_values_as_defaults() -> None:
    mcp = FastMCP()

    mcp.tool(functools.partial(add, b=10), name="add_ten")

    async with Client(mcp) as client:
        assert await client.call_tool("add_ten", {"a": 1}) == 11


@pytest.mark.fastmcp("T-17")
def test_a_classmethod_is_refused_with_instructions() -> None:
    mcp = FastMCP()

    with pytest.raises(ValueError, match="after the class"):

        class Things:
            @mcp.tool
            @classmethod
            def make(cls) -> int:
                return 1


@pytest.mark.fastmcp("T-17")
def test_a_method_without_its_object_is_refused_with_instructions() -> None:
    mcp = FastMCP()

    with pytest.raises(ValueError, match="bound method"):

        class Things:
            @mcp.tool
            def make(self) -> int:
                return 1


@pytest.mark.fastmcp("T-13")
@pytest.mark.parametrize("kind", ["args", "kwargs"])
def test_functions_that_take_anything_are_refused(kind: str) -> None:
    def starred(*args: int) -> int:
        return 1

    def keyed(**kwargs: int) -> int:
        return 1

    mcp = FastMCP()

    with pytest.raises(InvalidSignature, match=f"{kind} are not supported as tools"):
        mcp.tool(starred if kind == "args" else keyed)


def test_a_misspelt_option_is_refused() -> None:
    mcp = FastMCP()

    with pytest.raises(TypeError, match="takes no desription="):
        mcp.tool(add, desription="x")


@pytest.mark.fastmcp("T-35")
async def test_a_subclass_of_tool_answers_with_its_run() -> None:
    class Echo(Tool):
        async def run(self, arguments: dict[str, Any]) -> Any:
            return arguments["text"]

    mcp = FastMCP()

    mcp.add_tool(Echo(name="echo", parameters={"type": "object", "properties": {"text": {"type": "string"}}}))

    async with Client(mcp) as client:
        assert (await client.call_tool("echo", {"text": "hi"})).content[0].text == "hi"
