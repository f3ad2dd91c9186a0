"""Who a message is from: what limits and caches are kept apart by (FASTMCP 0.4)."""

from __future__ import annotations

from typing import Any

from mcp_runtime.framework.middleware.base import MiddlewareContext

__all__ = ("HANDSHAKES", "name_of", "principal_of")

HANDSHAKES = frozenset({"initialize", "server/discover", "ping", "logging/setLevel"})
"""What clients send to get acquainted, and not for its own sake."""


def principal_of(context: MiddlewareContext[Any]) -> str:
    """The caller's issuer and subject, never a token or a session. All whom nobody vouched for are one."""
    from mcp_runtime.framework.dependencies import token_of

    token = None if context.fastmcp_context is None else token_of(context.fastmcp_context)
    if token is None:
        return ""
    subject = token.claims.get("sub") or token.client_id
    return f"{token.claims.get('iss') or ''} {subject}"


def name_of(context: MiddlewareContext[Any]) -> str | None:
    """The tool's or prompt's name, or the resource's URI; None for other messages."""
    for attribute in ("name", "uri"):
        value = getattr(context.message, attribute, None)
        if value is not None:
            return str(value)
    return None
