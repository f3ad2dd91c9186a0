"""A server that needs its client: it asks for a name and for a sentence of its model."""

from __future__ import annotations

from fastmcp import Context, FastMCP

mcp = FastMCP("asking")


@mcp.tool
def add(a: int, b: int) -> int:
    return a + b


@mcp.tool
async def greet(ctx: Context) -> str:
    """Ask the person for a name."""
    answer = await ctx.elicit("What is your name?", response_type=str)
    return f"Hello, {answer.data}!" if answer.action == "accept" else f"No name: {answer.action}."


@mcp.tool
async def rhyme(word: str, ctx: Context) -> str:
    """Ask the client's model for a rhyme."""
    answer = await ctx.sample(f"A rhyme on {word}")
    return f"It says: {answer.text}"
