"""FastMCP 3.x: state of the session, awaited; a lifespan."""

from contextlib import asynccontextmanager

from fastmcp import Context, FastMCP


@asynccontextmanager
async def lifespan(server):
    yield {"opened": True}


mcp = FastMCP("Memory", lifespan=lifespan)


@mcp.tool
async def remember(word: str, ctx: Context) -> int:
    words = await ctx.get_state("words") or []
    await ctx.set_state("words", [*words, word])
    return len(words) + 1


@mcp.tool
async def recall(ctx: Context) -> list[str]:
    return await ctx.get_state("words") or []


@mcp.tool
async def opened(ctx: Context) -> bool:
    return ctx.lifespan_context["opened"]
