"""FastMCP 2.x: asks the person."""

from dataclasses import dataclass

from fastmcp import Context, FastMCP
from fastmcp.server.elicitation import AcceptedElicitation

mcp = FastMCP("Reception")


@dataclass
class Guest:
    name: str
    nights: int


@mcp.tool
async def check_in(ctx: Context) -> str:
    """Ask who comes and for how long."""
    answer = await ctx.elicit("Who are you, and how long do you stay?", response_type=Guest)
    match answer:
        case AcceptedElicitation(data=guest):
            return f"{guest.name} stays {guest.nights} nights"
        case _:
            return f"nobody: {answer.action}"
