"""The demo server: a little of everything that an MCP server can offer. Needs no network and no dependency."""

from __future__ import annotations

import asyncio

from fastmcp import Context, FastMCP

mcp = FastMCP("demo", instructions="A server to try things out with: add numbers, echo text, watch progress.")


@mcp.tool
def add(a: int, b: int) -> int:
    """Add two whole numbers."""
    return a + b


@mcp.tool
def echo(text: str) -> str:
    """Say the same again."""
    return text


@mcp.tool
async def count(ctx: Context, to: int = 5, seconds: float = 0.2) -> str:
    """Count up to a number, reporting progress at each step.

    Args:
        to: Where to stop, at most 100.
        seconds: How long to rest between two steps, at most 1.
    """
    if not 1 <= to <= 100 or not 0 <= seconds <= 1:
        raise ValueError("Count to between 1 and 100, with at most 1 second between steps.")
    for number in range(1, to + 1):
        await ctx.report_progress(number, to, f"{number} of {to}")
        await asyncio.sleep(seconds)
    return f"Counted to {to}."


@mcp.resource("demo://about", mime_type="text/plain")
def about() -> str:
    """What this server is."""
    return "This is the demo server of Stoa. Replace it with your own: stoa deploy server.py"


@mcp.resource("demo://squares/{number}", mime_type="application/json")
def square(number: int) -> dict[str, int]:
    """A number and its square."""
    return {"number": number, "square": number * number}


@mcp.prompt
def explain(topic: str, audience: str = "a beginner") -> str:
    """Ask for an explanation that suits its audience."""
    return f"Explain {topic} to {audience}, in three short paragraphs and with one example."
