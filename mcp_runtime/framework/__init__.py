"""The FastMCP system: servers, tools, resources, prompts and their context; importable as `fastmcp` in sandboxes.

Names are imported when first used: `from mcp_runtime.framework import FastMCP` must stay cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_runtime.framework.context import Context
    from mcp_runtime.framework.media import Audio, File, Image
    from mcp_runtime.framework.server import FastMCP

__all__ = ("Audio", "Context", "FastMCP", "File", "Image")

_HOMES = {"Audio": "media", "Context": "context", "FastMCP": "server", "File": "media", "Image": "media"}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
