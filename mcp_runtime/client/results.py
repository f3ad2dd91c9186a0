"""What `Client.call_tool` gives (FASTMCP CL-08)."""

from __future__ import annotations

import functools
from typing import Any

from mcp_runtime.client.rebuild import Rebuilder
from mcp_runtime.framework.types import TextContent, content_from_wire

__all__ = ("CallToolResult",)


class CallToolResult:
    """A tool's answer: `.data`, `.structured_content`, `.content`, `.is_error`, `.meta`.

    `.data` is the tool's value: unwrapped, and rebuilt after the output schema where the client knows it. Comparing
    a result with a plain value compares `.data` (FASTMCP 0.3).
    """

    def __init__(self, answer: dict[str, Any], rebuild: Rebuilder | None, *, wrapped: bool | None = None) -> None:
        self.content: list[Any] = [content_from_wire(block) for block in answer.get("content", [])]
        self.structured_content: Any = answer.get("structuredContent")
        self.is_error: bool = bool(answer.get("isError"))
        self.meta: dict[str, Any] | None = answer.get("_meta")
        self._rebuild = rebuild
        self._wrapped = wrapped

    @functools.cached_property
    def data(self) -> Any:
        """The tool's value; None when there is no structured content."""
        value = self.structured_content
        if value is None or self.is_error:
            return None
        if self._is_wrapped and isinstance(value, dict):
            value = value.get("result")
        return value if self._rebuild is None else self._rebuild(value)

    @property
    def text(self) -> str:
        """The text blocks, joined."""
        return "\n".join(block.text for block in self.content if isinstance(block, TextContent))

    @property
    def _is_wrapped(self) -> bool:
        if self._wrapped is not None:
            return self._wrapped
        said = (self.meta or {}).get("fastmcp")
        return isinstance(said, dict) and bool(said.get("wrap_result"))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, CallToolResult):
            return (self.content, self.structured_content, self.is_error) == (
                other.content,
                other.structured_content,
                other.is_error,
            )
        return bool(self.data == other)

    __hash__ = None  # type: ignore[assignment]  # equal by value and changeable, so not a key

    def __repr__(self) -> str:
        return (
            f"CallToolResult(content={self.content!r}, structured_content={self.structured_content!r}, "
            f"data={self.data!r}, is_error={self.is_error!r})"
        )
