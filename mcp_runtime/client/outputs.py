"""What a client knows of tools' outputs, without asking the server for it behind the caller's back (FASTMCP CL-08)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcp_runtime.client.rebuild import Rebuilder, compile_schema

__all__ = ("Outputs",)


class Outputs:
    """Output schemas by tool, learnt from lists the caller fetched, and what rebuilds values after them."""

    def __init__(self) -> None:
        self._schemas: dict[str, dict[str, Any] | None] = {}
        self._rebuilders: dict[str, tuple[Rebuilder | None, bool]] = {}

    def learn(self, name: str, schema: dict[str, Any] | None) -> None:
        if name not in self._schemas or self._schemas[name] != schema:
            self._schemas[name] = schema
            self._rebuilders.pop(name, None)

    def forget(self) -> None:
        self._schemas.clear()
        self._rebuilders.clear()

    def rebuilder(self, name: str, transport: object) -> tuple[Rebuilder | None, bool | None]:
        """What rebuilds a tool's value, and whether the value is wrapped; None where that is not known."""
        if name not in self._schemas:
            known: Callable[[str], dict[str, Any] | None] | None = getattr(transport, "output_schema", None)
            if known is None:
                return None, None
            self.learn(name, known(name))
        if name not in self._rebuilders:
            self._rebuilders[name] = _compiled(self._schemas[name])
        return self._rebuilders[name]


def _compiled(schema: dict[str, Any] | None) -> tuple[Rebuilder | None, bool]:
    """A rebuilder for what is inside the wrapping, and whether there is one."""
    if schema is None:
        return None, False
    if not schema.get("x-fastmcp-wrap-result"):
        return compile_schema(schema), False
    inner = (schema.get("properties") or {}).get("result") or {}
    return compile_schema({**inner, "$defs": schema.get("$defs") or {}}), True
