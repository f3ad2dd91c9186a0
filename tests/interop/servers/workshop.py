"""Tools that run in the background: one counts its pages, one asks whether it may."""

import asyncio

from fastmcp import Context, FastMCP

mcp = FastMCP("workshop")


@mcp.tool(task=True, annotations={"idempotentHint": True})
async def index(pages: int, pause: float, ctx: Context) -> str:
    first = await ctx.last_checkpoint(0)
    for page in range(first, pages):
        await ctx.report_progress(page + 1, pages, f"page {page + 1}")
        await ctx.checkpoint(page + 1)
        await asyncio.sleep(pause)
    return f"{pages} pages, {'in one go' if first == 0 else 'begun again'}"


@mcp.tool(task=True)
async def publish(page: int, ctx: Context) -> str:
    answer = await ctx.elicit(f"Publish page {page}?", response_type=bool)
    return f"page {page}: {answer.action}, {answer.data}"


@mcp.tool(task=True)
async def shred(page: int) -> str:
    raise ValueError(f"page {page} is in use")
