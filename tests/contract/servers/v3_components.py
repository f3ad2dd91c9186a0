"""FastMCP 3.x: decorators that stand alone, namespaces, results with types, injected dependencies."""

from fastmcp import FastMCP
from fastmcp.dependencies import CurrentContext, Depends
from fastmcp.prompts import Message, PromptResult, prompt
from fastmcp.resources import ResourceContent, ResourceResult, resource
from fastmcp.server.context import Context
from fastmcp.tools import ToolResult, tool


def get_rate() -> float:
    return 0.5


@tool(description="Halve it.")
def halve(number: int, rate: float = Depends(get_rate)) -> float:
    return number * rate


@tool
async def described(ctx: Context = CurrentContext()) -> ToolResult:
    return ToolResult(content="said", structured_content={"server": ctx.fastmcp.name}, meta={"version": 3})


@resource("parts://list", mime_type="application/json")
def parts() -> ResourceResult:
    return ResourceResult([ResourceContent(content='["a"]', mime_type="application/json")])


@prompt
def ask(topic: str) -> PromptResult:
    return PromptResult([Message(f"What is {topic}?"), Message("A thing.", role="assistant")], description="A talk")


inner = FastMCP("Inner")
inner.add_tool(halve)
mcp = FastMCP("Outer", on_duplicate="error")
mcp.add_tool(described)
mcp.add_resource(parts)
mcp.add_prompt(ask)
mcp.mount(inner, namespace="inner")
