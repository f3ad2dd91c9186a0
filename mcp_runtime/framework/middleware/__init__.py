"""Middleware: code of the author's around everything a server answers (FASTMCP 1.10).

Each built-in one lives in a module of its own and is imported when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.middleware.base import CallNext, Middleware, MiddlewareContext

if TYPE_CHECKING:
    from mcp_runtime.framework.middleware.authorization import AuthMiddleware
    from mcp_runtime.framework.middleware.ping import PingMiddleware

__all__ = ("AuthMiddleware", "CallNext", "Middleware", "MiddlewareContext", "PingMiddleware")

_HOMES = {"AuthMiddleware": "authorization", "PingMiddleware": "ping"}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
