"""FastMCP 2.x: logs and reports progress, from an asynchronous and from a synchronous tool."""

import time

from fastmcp import Context, FastMCP

mcp = FastMCP("Worker")


@mcp.tool
async def work(steps: int, ctx: Context) -> str:
    """Work in steps."""
    await ctx.info(f"{steps} steps")
    for step in range(1, steps + 1):
        await ctx.report_progress(progress=step, total=steps, message=f"step {step}")
    return "worked"


@mcp.tool
def wait(seconds: float) -> str:
    """Block for a while."""
    time.sleep(seconds)
    return "waited"
