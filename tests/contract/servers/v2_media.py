"""FastMCP 2.x: pictures, sounds and files."""

import base64

from fastmcp import FastMCP
from fastmcp.utilities.types import Audio, File, Image
from mcp.types import ImageContent, TextContent

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

mcp = FastMCP("Gallery")


@mcp.tool
def picture() -> Image:
    return Image(data=PIXEL, format="png")


@mcp.tool
def sound() -> Audio:
    return Audio(data=b"RIFF", format="wav")


@mcp.tool
def document() -> File:
    return File(data=b"%PDF-1.4", format="pdf", name="paper")


@mcp.tool
def album() -> list:
    return ["two of them", Image(data=PIXEL, format="png")]


@mcp.tool
def raw() -> list[TextContent | ImageContent]:
    return [TextContent(type="text", text="as it is")]


@mcp.resource("gallery://pixel", mime_type="image/png")
def pixel() -> bytes:
    return PIXEL
