"""Results that JSON cannot carry, or that are too much (FASTMCP T-25, T-29, R-21, P-23)."""

from __future__ import annotations

import math
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from mcp_runtime.framework.components import BinaryResource, ToolResult
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.types import TextContent
from mcp_runtime.protocol.errors import McpError


class Node(BaseModel):
    next: Any = None


class Mute:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def circle() -> Node:
    node = Node()
    node.next = node
    return node


def nested() -> list[Any]:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep


BAD = [
    pytest.param(circle, "it holds itself", id="cyclic model"),
    pytest.param(nested, "it is nested too deeply", id="deep"),
    pytest.param(lambda: {"a": b"\xff"}, "it holds bytes that are no text", id="bytes inside"),
    pytest.param(lambda: {"a": "\ud800"}, "half a character", id="half a character inside"),
    pytest.param(lambda: "\ud800", r"'\\ud800', which is half a character", id="half a character"),
    pytest.param(lambda: {"a": Mute()}, "RuntimeError: no text", id="no text"),
]


@pytest.mark.fastmcp("T-25", "T-29", "T-32")
@pytest.mark.parametrize(("make", "why"), BAD)
async def test_a_tools_result_that_json_cannot_carry_is_an_error(make: Any, why: str) -> None:
    mcp = FastMCP()
    mcp.tool(make, name="it")

    async with Client(mcp) as client:
        with pytest.raises(ToolError, match=f"Error calling tool 'it': The result cannot be written as JSON: .*{why}"):
            await client.call_tool("it")


@pytest.mark.fastmcp("R-21", "P-23")
@pytest.mark.parametrize(("make", "why"), BAD)
async def test_so_is_a_resources_and_a_prompts(make: Any, why: str) -> None:
    mcp = FastMCP()
    mcp.resource("data://x", name="x")(make)
    mcp.prompt(make, name="p")

    async with Client(mcp) as client:
        with pytest.raises(McpError, match=f"Error reading resource 'data://x': The result cannot be .*{why}"):
            await client.read_resource("data://x")
        with pytest.raises(McpError, match=f"Error rendering prompt 'p': The result cannot be .*{why}"):
            await client.get_prompt("p")


@pytest.mark.parametrize(
    ("value", "text", "structured"),
    [
        (threading.Lock(), "lock object", None),
        ({1: 2, (3, 4): 5}, '{"1":2,"3,4":5}', {"1": 2, "3,4": 5}),
        ({"n": math.nan}, '{"n":NaN}', {"n": None}),
        (ValueError("returned, not raised"), '"returned, not raised"', None),
    ],
    ids=["no JSON type", "keys that are no text", "not a number", "an exception"],
)
async def test_what_json_has_no_word_for_is_told_by_its_text(value: Any, text: str, structured: Any) -> None:
    mcp = FastMCP()
    mcp.tool(lambda: value, name="it")

    async with Client(mcp) as client:
        result = await client.call_tool("it")

    assert text in result.content[0].text
    assert result.structured_content == structured


@pytest.mark.fastmcp("T-29")
@pytest.mark.parametrize("kind", ["plain", "asynchronous"])
async def test_a_generators_items_are_a_list(kind: str) -> None:
    def plain() -> Iterator[int]:
        yield from (1, 2)

    async def asynchronous() -> AsyncIterator[int]:
        yield 1
        yield 2

    mcp = FastMCP()
    mcp.tool(plain if kind == "plain" else asynchronous, name="it")

    async with Client(mcp) as client:
        assert (await client.call_tool("it")).content[0].text == "[1,2]"


LARGE = "x" * (50 * 1024 * 1024)


@pytest.mark.fastmcp("T-20", "T-31", status="safer")
@pytest.mark.parametrize(
    "value",
    [
        LARGE,
        [LARGE],
        {"a": LARGE},
        LARGE.encode(),
        ToolResult(content=[TextContent(text=LARGE)]),
        ["é" * (20 * 1024 * 1024)],
    ],
    ids=["text", "list", "object", "bytes", "ToolResult", "two bytes a character"],
)
async def test_a_result_of_50_mb_is_refused_with_what_to_do(value: Any) -> None:
    mcp = FastMCP(mask_error_details=True)
    mcp.tool(lambda: value, name="it")

    async with Client(mcp) as client:
        with pytest.raises(ToolError, match="at most 32 MB are sent: return a part of it, or a link"):
            await client.call_tool("it")


@pytest.mark.fastmcp("R-20", "R-22", "P-20", status="safer")
async def test_so_are_contents_and_messages_of_50_mb() -> None:
    mcp = FastMCP(mask_error_details=True)
    mcp.resource("data://x", name="x")(lambda: LARGE)
    mcp.add_resource(BinaryResource(uri="data://b", data=LARGE.encode()))
    mcp.prompt(lambda: [LARGE], name="p")

    async with Client(mcp) as client:
        for uri in ("data://x", "data://b"):
            with pytest.raises(McpError, match="at most 32 MB are sent"):
                await client.read_resource(uri)
        with pytest.raises(McpError, match="at most 32 MB are sent"):
            await client.get_prompt("p")
