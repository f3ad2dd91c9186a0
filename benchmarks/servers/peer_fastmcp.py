"""`add`, served by fastmcp as its users serve it: no key, no sandbox, plain JSON answers, no sessions."""

from __future__ import annotations

from fastmcp import FastMCP

mcp = FastMCP("add")


@mcp.tool
def add(a: int, b: int) -> int:
    return a + b


app = mcp.http_app(path="/mcp", stateless_http=True, json_response=True)
