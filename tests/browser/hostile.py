"""A server whose every string is an attack. Deployed by `test_hostile_server`; it runs in the sandbox as any other."""

from __future__ import annotations

from typing import Annotated, Any

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.tools import ToolResult
from mcp.types import AudioContent, EmbeddedResource, ImageContent, ResourceLink, TextContent, TextResourceContents
from pydantic import Field

ATTACK = (
    "'\"></title></textarea><img src=x onerror=window.pwned=1><script>window.pwned=2</script>"
    "<a href=javascript:window.pwned=3>x</a><!--"
)
LINK = "javascript:window.pwned=4//" + ATTACK

mcp = FastMCP(ATTACK, instructions=ATTACK)


@mcp.tool(name="texts", title=ATTACK, description=ATTACK)
def texts(text: Annotated[str, Field(description=ATTACK, title=ATTACK)] = ATTACK) -> str:
    return ATTACK


@mcp.tool(name="fails", title=ATTACK, description=ATTACK)
def fails() -> str:
    raise ToolError(ATTACK)


@mcp.tool(name="tells", title=ATTACK, description=ATTACK)
async def tells(ctx: Context) -> str:
    await ctx.info(ATTACK)
    await ctx.report_progress(1, 2, ATTACK)
    return ATTACK


PARTS: list[tuple[Any, dict[str, Any]]] = [
    (TextContent, {"type": "text", "text": ATTACK}),
    (ImageContent, {"type": "image", "data": ATTACK, "mimeType": "image/png"}),
    (ImageContent, {"type": "image", "data": "PHN2Zy8+", "mimeType": "image/svg+xml"}),
    (ImageContent, {"type": "image", "data": "AAAA", "mimeType": ATTACK}),
    (AudioContent, {"type": "audio", "data": ATTACK, "mimeType": "audio/wav"}),
    (ResourceLink, {"type": "resource_link", "uri": LINK, "name": ATTACK, "title": ATTACK, "mimeType": ATTACK}),
]


@mcp.tool(name="shows", title=ATTACK, description=ATTACK)
def shows() -> ToolResult:
    page: dict[str, Any] = {"uri": "data:text/html,x", "mimeType": "text/html", "text": ATTACK}
    parts = [kind(**members) for kind, members in PARTS]
    parts.append(EmbeddedResource(type="resource", resource=TextResourceContents(**page)))
    return ToolResult(content=parts, structured_content={ATTACK: ATTACK})


@mcp.resource("attack://one", name=ATTACK, title=ATTACK, description=ATTACK, mime_type="text/html")
def one() -> str:
    return ATTACK


@mcp.prompt(name="ask", title=ATTACK, description=ATTACK)
def ask(what: Annotated[str, Field(description=ATTACK)] = ATTACK) -> str:
    return ATTACK
