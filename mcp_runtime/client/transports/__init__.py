"""How a client reaches a server. Names are imported when first used: some need what not every program has."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "FastMCPStdioTransport": "commands",
    "FastMCPTransport": "memory:MemoryTransport",
    "MCPConfigTransport": "config",
    "NodeStdioTransport": "commands",
    "NpxStdioTransport": "commands",
    "PythonStdioTransport": "commands",
    "SSETransport": "http_sse",
    "StdioTransport": "stdio",
    "StreamableHttpTransport": "http",
    "UvStdioTransport": "commands",
    "UvxStdioTransport": "commands",
    "infer_transport": "infer:transport_for",
}

__all__ = tuple(sorted(_HOMES))


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = home.partition(":")
    value = getattr(import_module(f"{__name__}.{module}"), attribute or name)
    globals()[name] = value
    return value
