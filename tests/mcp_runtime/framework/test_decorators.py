"""`tool`, `resource` and `prompt` without a server (FASTMCP T-02, R-01, P-01)."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from mcp_runtime.framework.components import FunctionTemplate, FunctionTool
from mcp_runtime.framework.decorators import prompt, resource, tool

pytestmark = pytest.mark.fastmcp("T-02", "R-01", "P-01", status="later")


@tool
def plain(a: int) -> int:
    """Give it back."""
    return a


@tool("named", tags={"t"})
async def other(a: int) -> int:
    return a


@resource("data://{name}", mime_type="text/html")
def page(name: str) -> str:
    return f"<p>{name}"


@resource("data://fixed")
def fixed() -> str:
    return "fixed"


@prompt(description="Asks.")
def ask(topic: str) -> str:
    return f"About {topic}"


async def test_what_they_make_is_added_to_a_server() -> None:
    mcp = FastMCP(tools=[plain])
    mcp.add_tool(other)
    mcp.add_resource(page)
    mcp.add_resource(fixed)
    mcp.add_prompt(ask)

    async with Client(mcp) as client:
        assert [tool.name for tool in await client.list_tools()] == ["plain", "named"]
        assert await client.call_tool("plain", {"a": 1}) == 1
        assert await client.call_tool("named", {"a": 2}) == 2
        assert (await client.read_resource("data://x"))[0].text == "<p>x"
        assert (await client.read_resource("data://fixed"))[0].text == "fixed"
        assert (await client.get_prompt("ask", {"topic": "t"})).messages[0].content.text == "About t"


def test_the_decorated_name_is_the_function_and_bears_the_attributes() -> None:
    assert plain(1) == 1
    assert page("x") == "<p>x"
    assert isinstance(plain, FunctionTool)
    assert isinstance(page, FunctionTemplate)
    assert (plain.name, plain.description, ask.description, page.uri_template) == (
        "plain",
        "Give it back.",
        "Asks.",
        "data://{name}",
    )


async def test_a_decorated_method_belongs_to_its_object() -> None:
    class Counter:
        def __init__(self, start: int) -> None:
            self.count = start

        @tool
        def up(self, by: int = 1) -> int:
            """Count."""
            self.count += by
            return self.count

        @resource("count://{unit}")
        def read(self, unit: str) -> str:
            return f"{self.count} {unit}"

    first, second = Counter(0), Counter(10)
    mcp = FastMCP()
    mcp.add_tool(first.up)
    mcp.add_resource(second.read)

    async with Client(mcp) as client:
        assert [(tool.name, tool.description) for tool in await client.list_tools()] == [("up", "Count.")]
        assert await client.call_tool("up", {"by": 2}) == 2
        assert (await client.read_resource("count://m"))[0].text == "10 m"
    assert second.up(1) == 11


@pytest.mark.parametrize(
    ("use", "complaint"),
    [
        (lambda: tool("a", name="b"), "two names"),
        (lambda: tool(desription="x"), "takes no desription=; did you mean description="),
        (lambda: prompt(mime_type="x"), "takes no mime_type="),
        (lambda: resource(plain), "needs its URI"),
        (lambda: tool(app=True), "app=AppConfig"),
    ],
)
def test_a_wrong_use_is_refused(use: Any, complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        use()


def test_adding_the_wrong_kind_is_refused() -> None:
    wrong: Any = plain

    with pytest.raises(TypeError, match=r"add_resource\(\) takes a Resource, not FunctionTool"):
        FastMCP().add_resource(wrong)
    with pytest.raises(TypeError, match=r"add_template\(\) takes a ResourceTemplate"):
        FastMCP().add_template(wrong)
