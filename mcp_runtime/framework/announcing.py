"""Telling the client whose request changed the server that a list changed (FASTMCP T-33, T-34)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_runtime.framework.context import current_context

if TYPE_CHECKING:
    from mcp_runtime.framework.composition.sources import Kind

__all__ = ("announce",)

_METHODS: dict[Kind, str] = {
    "tools": "notifications/tools/list_changed",
    "resources": "notifications/resources/list_changed",
    "resourceTemplates": "notifications/resources/list_changed",
    "prompts": "notifications/prompts/list_changed",
}


def announce(kind: Kind) -> None:
    """Once per request and list; outside of a request nobody is there to be told."""
    context = current_context()
    if context is None:
        return
    from mcp_runtime.framework.exchange import notify

    told: set[str] = context.__dict__.setdefault("_announced", set())
    method = _METHODS[kind]
    if method not in told:
        told.add(method)
        notify(context.exchange, method, {})
