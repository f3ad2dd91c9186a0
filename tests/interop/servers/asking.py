"""A server that needs its client: it asks for a name and for a sentence of its model. It also works for a while."""

from __future__ import annotations

import asyncio

from fastmcp import Context, FastMCP

mcp = FastMCP("asking")
working: list[str] = []
given_up: list[str] = []


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


@mcp.tool
async def rest(ctx: Context) -> str:
    """Say something, and answer three seconds later."""
    await ctx.report_progress(1)
    await asyncio.sleep(3)
    return "rested"


@mcp.tool
async def work(ctx: Context) -> str:
    """Work for ten minutes, unless the call is cancelled."""
    working.append(ctx.request_id)
    await ctx.report_progress(1)
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        given_up.append(ctx.request_id)
        raise
    return "done"


@mcp.tool
def calls_of_work() -> dict[str, int]:
    """How many were begun, and how many of them were cancelled."""
    return {"begun": len(working), "cancelled": len(given_up)}
