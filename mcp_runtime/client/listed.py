"""Tools as a list holds them: read when first looked at.

A list of a thousand tools is mostly passed on, searched by name, or shown in part; building every schema of it costs
more than all the rest of the request.
"""

from __future__ import annotations

from typing import Any

import msgspec

from mcp_runtime.framework.types import Tool

__all__ = ("tool_from",)


def tool_from(item: dict[str, Any] | msgspec.Raw) -> Tool:
    """The tool for an item of a list. What is still JSON becomes a tool at the first look at any of its members."""
    return _Unread(item) if isinstance(item, msgspec.Raw) else Tool(**item)


class _Unread(Tool):
    """JSON until it is looked at; from then on a plain Tool."""

    def __init__(self, raw: msgspec.Raw) -> None:
        object.__getattribute__(self, "__dict__")["raw"] = raw

    def __getattribute__(self, name: str) -> Any:
        state = object.__getattribute__(self, "__dict__")
        raw = state.pop("raw", None)
        object.__setattr__(self, "__class__", Tool)
        if raw is not None:
            Tool.__init__(self, **msgspec.json.decode(raw))
        return getattr(self, name)

    def __eq__(self, other: object) -> bool:
        self.to_wire()  # the first look
        return self == other

    __hash__ = None  # type: ignore[assignment]  # equal by value and changeable, so not a key
