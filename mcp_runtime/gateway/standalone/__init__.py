"""One server run by itself, through the same protocol code as all the others (FASTMCP 1.9).

The gateway gets ports that hold one server in this process: a catalogue with its plan, credentials that believe what
the server's own `auth=` let through, and a "sandbox" that is a function call. The framework finds this package by name
(`mcp_runtime.framework.standalone.HOST`), since it may not know what stands above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from mcp_runtime.framework.server import FastMCP

__all__ = ("http_app", "serve_http", "serve_stdio")


def http_app(server: FastMCP, **options: Any) -> Starlette:
    """A Starlette application; see `mcp_runtime.framework.standalone.Standalone.http_app`."""
    from mcp_runtime.gateway.standalone import application

    return application.http_app(server, **options)


async def serve_http(server: FastMCP, **options: Any) -> None:
    """Serve over HTTP until interrupted."""
    from mcp_runtime.gateway.standalone import listening

    await listening.serve(server, **options)


async def serve_stdio(server: FastMCP, **options: Any) -> None:
    """Serve one client on standard input and output."""
    from mcp_runtime.gateway.standalone import stdio

    await stdio.serve(server, **options)
