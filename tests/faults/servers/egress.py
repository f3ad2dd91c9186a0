"""Tenant code that asks the egress proxy for more than it was granted."""

from __future__ import annotations

import socket

from fastmcp import FastMCP

mcp = FastMCP("egress")


@mcp.tool
def connect(target: str) -> str:
    """Ask the proxy for a tunnel; the status line of its answer, or why there is no proxy."""
    try:
        with socket.create_connection(("127.0.0.1", 3128), timeout=20) as proxy:
            proxy.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
            return proxy.recv(4096).split(b"\r\n", 1)[0].decode("latin-1")
    except OSError as error:
        return type(error).__name__


@mcp.tool
def bypass(host: str, port: int) -> str:
    """Go around the proxy."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError as error:
        return type(error).__name__
    return "connected"
