"""The tool of the comparison, as a tenant deploys it."""

from __future__ import annotations

from fastmcp import FastMCP

mcp = FastMCP("add")


@mcp.tool
def add(a: int, b: int) -> int:
    return a + b
