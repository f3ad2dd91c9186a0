"""Two tools that walk through steps, and say in each which run of theirs it is."""

import asyncio
import secrets

from fastmcp import Context, FastMCP

mcp = FastMCP("steps")


async def walk(key: str, first: int, steps: int, pause: float, ctx: Context) -> dict[str, str]:
    run = secrets.token_hex(4)
    for step in range(first, steps):
        await ctx.report_progress(step + 1, steps, f"{run} {step + 1}")
        await asyncio.sleep(pause)
        await ctx.checkpoint(step + 1)
    return {"key": key, "run": run}


@mcp.tool(task=True, annotations={"idempotentHint": True})
async def again(key: str, steps: int, pause: float, ctx: Context) -> dict[str, str]:
    """May be called twice: a run that is cut off is begun again."""
    return await walk(key, await ctx.last_checkpoint(0), steps, pause, ctx)


@mcp.tool(task=True)
async def once(key: str, steps: int, pause: float, ctx: Context) -> dict[str, str]:
    """May not be called twice."""
    return await walk(key, 0, steps, pause, ctx)
