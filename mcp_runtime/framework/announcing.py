"""Telling the client whose request changed the server that a list changed (FASTMCP T-33, T-34)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_runtime.framework.context import current_context

if TYPE_CHECKING:
    from mcp_runtime.framework.composition.sources import Kind
    from mcp_runtime.framework.context import Context

__all__ = ("CHANGED", "announce", "announced")

CHANGED: dict[Kind, str] = {
    "tools": "notifications/tools/list_changed",
    "resources": "notifications/resources/list_changed",
    "resourceTemplates": "notifications/resources/list_changed",
    "prompts": "notifications/prompts/list_changed",
}
"""What tells of a change, by kind."""


def announce(kind: Kind) -> None:
    """Once per request and list; outside of a request nobody is there to be told."""
    context = current_context()
    if context is None:
        return
    from mcp_runtime.framework.exchange import notify

    told = announced(context)
    method = CHANGED[kind]
    if method not in told:
        told.add(method)
        notify(context.exchange, method, {})


def announced(context: Context) -> set[str]:
    """What a request has announced so far."""
    told: set[str] = context.__dict__.setdefault("_announced", set())
    return told
