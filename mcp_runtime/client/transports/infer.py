"""The transport for what a client was given (FASTMCP CL-01 to CL-04, CL-15)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcp_runtime.client.transports.base import Transport
from mcp_runtime.framework.server import FastMCP

__all__ = ("http_transport", "transport_for")

_SSE = re.compile(r"/sse(/|\?|&|$)")


def transport_for(target: Any, *, auth: Any = None, mode: str = "auto") -> Transport:
    """A server object is reached in memory, an address by HTTP, a file is run as a child process, a configuration
    names several servers, an ASGI application is called; a transport is used as it is. Raises ValueError."""
    if isinstance(target, FastMCP):
        if auth is not None:
            raise ValueError("auth= is for servers behind an address; one in memory checks nobody.")
        from mcp_runtime.client.transports.memory import MemoryTransport

        return MemoryTransport(target, mode=mode)
    if hasattr(target, "introduce") and hasattr(target, "request"):
        if auth is not None:
            raise ValueError("Give auth= to the transport itself.")
        transport: Transport = target
        return transport
    if isinstance(target, Mapping) or hasattr(target, "mcpServers"):
        from mcp_runtime.client.transports.config import MCPConfigTransport

        return MCPConfigTransport(target, mode=mode)
    address = str(target)
    if address.startswith(("http://", "https://")):
        return http_transport(address, auth=auth, mode=mode)
    if isinstance(target, (str, os.PathLike)):
        found = _file_transport(Path(target), mode)
        if found is not None:
            return found
    else:
        from mcp_runtime.client.transports.asgi import asgi_client, is_asgi

        if is_asgi(target):
            path = getattr(getattr(target, "state", None), "path", "/mcp")
            return http_transport(
                f"http://localhost{path}",
                auth=auth,
                mode=mode,
                factory=lambda **options: asgi_client(target, **options),
            )
    raise ValueError(
        f"Could not infer a valid transport from {target!r}: give a FastMCP server, an http(s) address, a .py or .js "
        "file that exists, or a configuration of servers."
    )


def http_transport(
    address: str,
    *,
    auth: Any = None,
    mode: str = "auto",
    headers: Mapping[str, str] | None = None,
    sse: bool | None = None,
    factory: Any = None,
) -> Transport:
    """Streamable HTTP, or HTTP+SSE where the address ends in /sse, as those of such servers do."""
    if sse or (sse is None and _SSE.search(address)):
        from mcp_runtime.client.transports.http_sse import SSETransport

        return SSETransport(address, headers, auth, None, factory, mode="legacy" if mode == "auto" else mode)
    from mcp_runtime.client.transports.http import StreamableHttpTransport

    return StreamableHttpTransport(address, headers, auth, factory, mode=mode)


def _file_transport(path: Path, mode: str) -> Transport | None:
    if not path.is_file():
        return None
    if path.suffix == ".py":
        from mcp_runtime.client.transports.commands import PythonStdioTransport

        return PythonStdioTransport(path, mode=mode)
    if path.suffix == ".js":
        from mcp_runtime.client.transports.commands import NodeStdioTransport

        return NodeStdioTransport(path, mode=mode)
    if path.suffix == ".json":
        from mcp_runtime.client.transports.config import MCPConfigTransport

        return MCPConfigTransport(json.loads(path.read_text(encoding="utf-8")), mode=mode)
    return None
