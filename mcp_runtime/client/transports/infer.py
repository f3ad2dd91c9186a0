"""The transport for what a client was given (FASTMCP CL-01 to CL-04)."""

from __future__ import annotations

from typing import Any

from mcp_runtime.client.transports.base import Transport
from mcp_runtime.framework.server import FastMCP

__all__ = ("transport_for",)


def transport_for(target: Any, *, auth: Any, mode: str) -> Transport:
    """A server object is reached in memory, an address by Streamable HTTP, a transport is used as it is."""
    if isinstance(target, FastMCP):
        if auth is not None:
            raise ValueError("auth= is for servers behind an address; one in memory checks nobody.")
        from mcp_runtime.client.transports.memory import MemoryTransport

        return MemoryTransport(target, mode=mode)
    if hasattr(target, "introduce") and hasattr(target, "request"):
        transport: Transport = target
        return transport
    address = str(target)
    if address.startswith(("http://", "https://")):
        if address.partition("?")[0].rstrip("/").endswith("/sse"):
            raise ValueError(
                f"{address} is an address of the older HTTP+SSE transport, which this client does not speak; "
                "use the server's Streamable HTTP address, which usually ends in /mcp."
            )
        from mcp_runtime.client.transports.http import StreamableHttpTransport

        return StreamableHttpTransport(address, auth=auth, mode=mode)
    raise ValueError(
        f"Could not infer a valid transport from {target!r}: give a FastMCP server, or an http(s) address."
    )
