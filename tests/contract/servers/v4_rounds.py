"""FastMCP 4.x: a tool in rounds, which returns what it wants to know and is called again with the answers."""

from fastmcp import Context, FastMCP
from fastmcp.server.dependencies import TokenClaim

mcp = FastMCP("Rounds", version="4.1")


@mcp.tool
async def subject(sub: str = TokenClaim("sub")) -> str:
    """Who calls, injected."""
    return sub


@mcp.tool
async def confirm(action: str, ctx: Context) -> str:
    """Asks in the way that fits the client's era."""
    answer = await ctx.elicit(f"Really {action}?", response_type=["yes", "no"])
    return f"{action}: {answer.data}" if answer.action == "accept" else f"{action}: not answered"


@mcp.tool(timeout=5, output_schema=None)
def plain(number: int) -> int:
    return number
