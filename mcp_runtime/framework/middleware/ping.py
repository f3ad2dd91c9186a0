"""PingMiddleware (a later addition; FASTMCP 2.2)."""

from __future__ import annotations

from mcp_runtime.framework.middleware.base import Middleware

__all__ = ("PingMiddleware",)


class PingMiddleware(Middleware):
    """Accepted so that servers which use it run: connections are kept alive by the transport, with heartbeats on
    every open stream, and 2026-07-28 has no pings from the server. It has no hooks, and costs nothing."""

    def __init__(self, interval_ms: int = 30_000) -> None:
        if interval_ms <= 0:
            raise ValueError("interval_ms= is a number above zero.")
        self.interval_ms = interval_ms
