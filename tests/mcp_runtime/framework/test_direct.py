"""A server's components used without a client."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.errors import NotFoundError, PromptError, ResourceError, ToolError, ValidationError
from mcp_runtime.framework.middleware import Middleware

pytestmark = pytest.mark.fastmcp("S-01", status="later")


def offering(**options: Any) -> FastMCP:
    mcp = FastMCP(**options)
    mcp.tool(lambda a: {"a": a}, name="t")
    mcp.tool(lambda: "one", name="v", version="1")
    mcp.tool(lambda: "two", name="v", version="2")
    mcp.resource("data://{x}", name="r")(lambda x: 1 / int(x))
    mcp.prompt(lambda topic: f"About {topic}" if topic != "0" else 1 / 0, name="p")
    return mcp


async def test_components_are_used_directly() -> None:
    mcp = offering()

    assert (await mcp.call_tool("t", {"a": 1})).structured_content == {"a": 1}
    assert (await mcp.call_tool("v", version="1")).content[0].text == "one"
    assert (await mcp.call_tool("v")).content[0].text == "two"
    assert (await mcp.read_resource("data://4"))[0].content == "0.25"
    assert (await mcp.render_prompt("p", {"topic": "x"})).messages[0].content.text == "About x"


@pytest.mark.parametrize(
    ("use", "error"),
    [
        (lambda mcp: mcp.call_tool("none"), NotFoundError),
        (lambda mcp: mcp.read_resource("none://x"), NotFoundError),
        (lambda mcp: mcp.render_prompt("none"), NotFoundError),
        (lambda mcp: mcp.read_resource("data://0"), ResourceError),
        (lambda mcp: mcp.render_prompt("p"), ValidationError),
        (lambda mcp: mcp.render_prompt("p", {"topic": "0"}), PromptError),
        (lambda mcp: mcp.call_tool("t", {}), ValidationError),
    ],
)
async def test_what_fails_is_an_error_of_its_kind(use: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        await use(offering())


@pytest.mark.parametrize(
    ("masked", "text"), [(False, "Error calling tool 't': secret"), (True, "Error calling tool 't'")]
)
async def test_details_are_masked_as_the_server_says(masked: bool, text: str) -> None:
    mcp = FastMCP(mask_error_details=masked)

    @mcp.tool
    def t() -> None:
        raise RuntimeError("secret")

    with pytest.raises(ToolError) as refused:
        await mcp.call_tool("t")
    assert str(refused.value) == text


async def test_a_tool_may_call_another_of_its_server() -> None:
    mcp, seen = offering(), []

    class Watch(Middleware):
        async def on_call_tool(self, context: Any, call_next: Any) -> Any:
            seen.append(context.message.name)
            return await call_next(context)

    mcp.add_middleware(Watch())

    @mcp.tool
    async def outer(ctx: Context) -> str:
        await ctx.set_state("who", "outer")
        return str((await ctx.fastmcp.call_tool("inner")).content[0].text)

    @mcp.tool
    async def inner(ctx: Context) -> str:
        return f"inner of {ctx.request_id}, {await ctx.get_state('who')}"

    async with Client(mcp) as client:
        result = await client.call_tool("outer")

    assert result.data.endswith(", outer")
    assert seen == ["outer", "inner"]
