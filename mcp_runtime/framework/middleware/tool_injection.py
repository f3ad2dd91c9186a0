"""Tools that middleware brings along (FASTMCP M-27).

Prompts and resources offered as tools go through the server's own middleware, as they do for clients that ask for
them by their own methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcp_runtime.framework.components.tool import Tool
from mcp_runtime.framework.context import Context
from mcp_runtime.framework.middleware.base import CallNext, Middleware, MiddlewareContext

__all__ = ("PromptToolMiddleware", "ResourceToolMiddleware", "ToolInjectionMiddleware")


class ToolInjectionMiddleware(Middleware):
    """Offers `tools` beside the server's own, which they beat."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}

    @property
    def injected_tools(self) -> list[Tool]:
        return list(self._tools.values())

    def get_injected_tool(self, name: str) -> Tool | None:
        return self._tools.get(name)

    async def on_list_tools(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        others = [tool for tool in await call_next(context) if tool.name not in self._tools]
        return [*self._tools.values(), *others]

    async def on_call_tool(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        tool = self._tools.get(context.message.name)
        if tool is None or context.fastmcp_context is None:
            return await call_next(context)
        return await tool.call(context.message.arguments or {}, context.fastmcp_context)


class PromptToolMiddleware(ToolInjectionMiddleware):
    """Tools `list_prompts` and `get_prompt`, for clients that know tools only."""

    def __init__(self) -> None:
        super().__init__([Tool.from_function(list_prompts), Tool.from_function(get_prompt)])


class ResourceToolMiddleware(ToolInjectionMiddleware):
    """Tools `list_resources` and `read_resource`, for clients that know tools only."""

    def __init__(self) -> None:
        super().__init__([Tool.from_function(list_resources), Tool.from_function(read_resource)])


async def list_prompts(context: Context) -> list[dict[str, Any]]:
    """List the prompts this server offers."""
    return [prompt.to_wire() for prompt in await context.list_prompts()]


async def get_prompt(context: Context, name: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
    """Render a prompt of this server with its arguments."""
    return (await context.get_prompt(name, arguments or {})).to_wire()


async def list_resources(context: Context) -> list[dict[str, Any]]:
    """List the resources this server offers."""
    return [resource.to_wire() for resource in await context.list_resources()]


async def read_resource(context: Context, uri: str) -> list[dict[str, Any]]:
    """Read a resource of this server by its URI."""
    return [content.to_wire(uri) for content in await context.read_resource(uri)]
