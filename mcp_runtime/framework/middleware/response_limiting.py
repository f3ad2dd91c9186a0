"""A bound on what a tool answers (a later addition; FASTMCP 2.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.functions.results import ToolResult, as_json
from mcp_runtime.framework.middleware.base import CallNext, Middleware, MiddlewareContext
from mcp_runtime.framework.types import TextContent, plain

__all__ = ("ResponseLimitingMiddleware",)

_SUFFIX = "\n\n[Response truncated due to size limit]"


class ResponseLimitingMiddleware(Middleware):
    """Cuts the text of an answer of more than `max_size` bytes, for all tools or those named.

    An answer whose structure the tool's output schema promises cannot be cut: it becomes an error that says so.
    """

    def __init__(
        self,
        *,
        max_size: int = 1_000_000,
        truncation_suffix: str = _SUFFIX,
        tools: Iterable[str] | None = None,
    ) -> None:
        if max_size <= 0:
            raise ValueError(f"max_size= is a number of bytes above zero, not {max_size}.")
        self.max_size = max_size
        self.truncation_suffix = truncation_suffix
        self.tools = None if tools is None else set(tools)

    async def on_call_tool(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        result: ToolResult = await call_next(context)
        name = context.message.name
        if (self.tools is not None and name not in self.tools) or not isinstance(result, ToolResult):
            return result
        size = _size(result)
        if size <= self.max_size:
            return result
        if not result.is_error and result.structured_content is not None and await _promised(context, name):
            raise ToolError(f"Tool {name!r} answered {size} bytes; this server sends at most {self.max_size}.")
        return ToolResult([TextContent(text=self._cut(result))], meta=result.meta, is_error=result.is_error)

    def _cut(self, result: ToolResult) -> str:
        texts = [block.text for block in result.content if isinstance(block, TextContent)]
        text = "\n\n".join(texts) if texts else as_json(plain(result.content))
        room = max(0, self.max_size - len(self.truncation_suffix.encode()) - _ENVELOPE)
        return text.encode()[:room].decode(errors="ignore") + self.truncation_suffix


_ENVELOPE = 64
"""Bytes around the text."""


def _size(result: ToolResult) -> int:
    structure = 0 if result.structured_content is None else len(as_json(result.structured_content).encode())
    return structure + sum(
        len(block.text.encode()) if isinstance(block, TextContent) else len(as_json(plain(block)).encode())
        for block in result.content
    )


async def _promised(context: MiddlewareContext[Any], name: str) -> bool:
    if context.fastmcp_context is None:
        return False
    tool = (await context.fastmcp_context.fastmcp.offer("tools")).find(name)
    return tool is not None and tool.output_schema is not None
