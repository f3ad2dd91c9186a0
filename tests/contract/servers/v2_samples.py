"""FastMCP 2.x: asks the client's model."""

from fastmcp import Context, FastMCP

mcp = FastMCP("Editor")


@mcp.tool
async def summarize(text: str, ctx: Context) -> str:
    """Have the model say it shorter."""
    response = await ctx.sample(f"Summarize: {text}", system_prompt="Be brief.", temperature=0.1, max_tokens=50)
    return response.text
