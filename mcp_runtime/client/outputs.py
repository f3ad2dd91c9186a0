"""What a client knows of tools' outputs, without asking the server for it behind the caller's back (FASTMCP CL-08)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcp_runtime.client.rebuild import Rebuilder, compile_schema
from mcp_runtime.framework.errors import NotFoundError
from mcp_runtime.framework.types import Tool

__all__ = ("Outputs",)


class Outputs:
    """Output schemas by tool, learnt from lists the caller fetched, and what rebuilds values after them."""

    def __init__(self) -> None:
        self._schemas: dict[str, dict[str, Any] | None] = {}
        self._rebuilders: dict[str, tuple[dict[str, Any] | None, tuple[Rebuilder | None, bool]]] = {}
        self._list: list[Tool] = []

    def listed(self, tools: list[Tool]) -> None:
        """Take note of a list; it is looked through when a schema is first needed."""
        self._list = tools
        self._schemas.clear()

    def forget(self) -> None:
        self._schemas.clear()
        self._rebuilders.clear()
        self._list = []

    def rebuilder(self, name: str, transport: object) -> tuple[Rebuilder | None, bool | None]:
        """What rebuilds a tool's value, and whether the value is wrapped; None where that is not known."""
        if name not in self._schemas and not self._ask(name, transport):
            self._learn()
        if name not in self._schemas:
            return None, None
        schema = self._schemas[name]
        made = self._rebuilders.get(name)
        if made is None or made[0] != schema:
            made = self._rebuilders[name] = (schema, _compiled(schema))
        return made[1]

    def _ask(self, name: str, transport: object) -> bool:
        """Whether the transport knows the tool without asking the server."""
        known: Callable[[str], dict[str, Any] | None] | None = getattr(transport, "output_schema", None)
        if known is None:
            return False
        try:
            self._schemas[name] = known(name)
        except NotFoundError:
            return False
        return True

    def _learn(self) -> None:
        for tool in self._list:
            self._schemas[tool.name] = tool.output_schema
        self._list = []


def _compiled(schema: dict[str, Any] | None) -> tuple[Rebuilder | None, bool]:
    """A rebuilder for what is inside the wrapping, and whether there is one."""
    if schema is None:
        return None, False
    if not schema.get("x-fastmcp-wrap-result"):
        return compile_schema(schema), False
    inner = (schema.get("properties") or {}).get("result") or {}
    return compile_schema({**inner, "$defs": schema.get("$defs") or {}}), True
