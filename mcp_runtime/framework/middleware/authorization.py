"""AuthMiddleware: one check for everything a server offers (a later addition; FASTMCP 2.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcp_runtime.framework.components.access import AuthCheck, AuthContext, checked_auth
from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.middleware.base import CallNext, Middleware, MiddlewareContext
from mcp_runtime.protocol.errors import UnknownPrompt, UnknownResource, UnknownTool

__all__ = ("AuthMiddleware",)


class AuthMiddleware(Middleware):
    """Hides what `auth` refuses the caller: `AuthMiddleware(auth=require_scopes("admin"))`."""

    def __init__(self, auth: AuthCheck | Iterable[AuthCheck]) -> None:
        self._checks = checked_auth(auth)

    async def on_call_tool(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        name = context.message.name
        if not await self._allows_key(context, "tools", name):
            raise UnknownTool(name)
        return await call_next(context)

    async def on_get_prompt(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        name = context.message.name
        if not await self._allows_key(context, "prompts", name):
            raise UnknownPrompt(name)
        return await call_next(context)

    async def on_read_resource(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        uri = str(context.message.uri)
        server = None if context.fastmcp_context is None else context.fastmcp_context.fastmcp
        component = None
        if server is not None:
            component = (await server.offer("resources")).find(uri)
            if component is None:
                templates = await server.offer("resourceTemplates")
                component = next((template for template in templates if template.match(uri) is not None), None)
        if component is None or not await self._allows(context, component):
            raise UnknownResource(uri)
        return await call_next(context)

    async def on_list_tools(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        return [component for component in await call_next(context) if await self._allows(context, component)]

    on_list_resources = on_list_resource_templates = on_list_prompts = on_list_tools

    async def _allows_key(self, context: MiddlewareContext[Any], kind: Any, key: str) -> bool:
        if context.fastmcp_context is None:
            return False
        component = (await context.fastmcp_context.fastmcp.offer(kind)).find(key)
        return component is not None and await self._allows(context, component)

    async def _allows(self, context: MiddlewareContext[Any], component: Component) -> bool:
        from mcp_runtime.framework.components.access import passes
        from mcp_runtime.framework.dependencies import token_of

        if context.fastmcp_context is None:
            return False
        return await passes(self._checks, AuthContext(token_of(context.fastmcp_context), component))
