"""FastMCP 4.x: what one session sees and remembers, values for arguments, tools that are searched."""

from fastmcp import Context, FastMCP
from fastmcp.server.middleware import Middleware
from fastmcp.server.transforms.search import BM25SearchTransform
from mcp_types import PromptReference

THEMES = ["nature", "night", "love"]
met = []


class Greeter(Middleware):
    async def on_initialize(self, context, call_next):
        met.append(context.message.params.client_info.name)
        return await call_next(context)


mcp = FastMCP("Sessions", middleware=[Greeter()])
catalogue = FastMCP("Catalogue", transforms=[BM25SearchTransform()])
mcp.mount(catalogue, namespace="catalogue")


@mcp.tool
async def count(ctx: Context) -> int:
    number = (await ctx.get_state("number") or 0) + 1
    await ctx.set_state("number", number)
    return number


@mcp.tool
async def unlock(ctx: Context) -> str:
    await ctx.enable_components(tags={"premium"})
    return "unlocked"


@mcp.tool(tags={"premium"})
def luxury() -> str:
    return "dear"


@mcp.tool
def guests() -> list[str]:
    return met


@mcp.prompt
def poem(theme: str) -> str:
    return f"A poem about {theme}."


@mcp.completion
def complete(ref, argument, context):
    if isinstance(ref, PromptReference) and argument.name == "theme":
        return [theme for theme in THEMES if theme.startswith(argument.value)]
    return None


@catalogue.tool
def find_hat(color: str) -> str:
    """Find a hat by its color."""
    return f"a {color} hat"


mcp.disable(tags={"premium"})
