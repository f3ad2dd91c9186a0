"""Middleware: code of the author's around everything a server answers (FASTMCP 1.10).

Each built-in one lives in a module of its own and is imported when first asked for.
"""

from __future__ import annotations

from mcp_runtime.framework.middleware.base import CallNext, Middleware, MiddlewareContext

__all__ = ("CallNext", "Middleware", "MiddlewareContext")
