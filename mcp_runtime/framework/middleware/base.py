"""What middleware is: a class with hooks, each given the request and the way onward (FASTMCP M-01 to M-12).

    class Watch(Middleware):
        async def on_call_tool(self, context, call_next):
            print("calling", context.message.name)
            return await call_next(context)

    mcp.add_middleware(Watch())

For one request the hooks of one middleware run from the general to the special: `on_message`, `on_request` (or
`on_notification`), then the operation's own. Of several middleware the one added first is outermost (M-13).
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from mcp_runtime.framework.context import Context

__all__ = ("HOOKS", "CallNext", "Middleware", "MiddlewareContext", "hooks_for")

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class MiddlewareContext(Generic[T]):
    """One message on its way to the server. Frozen: hand on a changed one with `copy(message=…)`."""

    message: T
    """The parameters of `tools/call`, `resources/read` and `prompts/get`; the whole request otherwise."""
    fastmcp_context: Context | None = None
    source: Literal["client", "server"] = "client"
    type: Literal["request", "notification"] = "request"
    method: str | None = None
    timestamp: datetime = field(default_factory=_now)

    def copy(self, **changes: Any) -> MiddlewareContext[T]:
        """The same with some members replaced."""
        return replace(self, **changes)


class CallNext(Protocol[T, R_co]):
    """The way onward: the next middleware, and behind the last one the server. Hooks get it as `call_next`."""

    def __call__(self, context: MiddlewareContext[T]) -> Awaitable[R_co]: ...


class Middleware:
    """The base of all middleware: every hook hands on what it gets. Override those you need."""

    only_looks_on: ClassVar[bool] = False
    """Whether its hooks for lists never change one: then everybody may be shown the list that was encoded before."""

    async def __call__(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """All hooks that apply to this message, one inside the other."""
        handler: Any = call_next
        for name in reversed(hooks_for(context.method, context.type)):
            handler = functools.partial(getattr(self, name), call_next=handler)
        return await handler(context)

    async def on_message(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Everything: requests and notifications."""
        return await call_next(context)

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Every request."""
        return await call_next(context)

    async def on_notification(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Every notification of a client."""
        return await call_next(context)

    async def on_initialize(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """The handshake of older clients; raise McpError to refuse one. 2026-07-28 has no handshake."""
        return await call_next(context)

    async def on_call_tool(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """`context.message` is CallToolRequestParams; the answer is a ToolResult."""
        return await call_next(context)

    async def on_read_resource(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """`context.message` is ReadResourceRequestParams; the answer is a list of ResourceContent."""
        return await call_next(context)

    async def on_get_prompt(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """`context.message` is GetPromptRequestParams; the answer is a GetPromptResult."""
        return await call_next(context)

    async def on_list_tools(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """The answer is a list of Tool components, a list of its own that may be changed."""
        return await call_next(context)

    async def on_list_resources(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        return await call_next(context)

    async def on_list_resource_templates(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        return await call_next(context)

    async def on_list_prompts(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        return await call_next(context)


HOOKS = {
    "initialize": "on_initialize",
    "tools/call": "on_call_tool",
    "resources/read": "on_read_resource",
    "prompts/get": "on_get_prompt",
    "tools/list": "on_list_tools",
    "resources/list": "on_list_resources",
    "resources/templates/list": "on_list_resource_templates",
    "prompts/list": "on_list_prompts",
}
"""The hook that is a method's own."""


def hooks_for(method: str | None, kind: str) -> tuple[str, ...]:
    """The names of the hooks a message passes, outermost first."""
    if kind == "notification":
        return ("on_message", "on_notification")
    own = HOOKS.get(method or "")
    return ("on_message", "on_request", own) if own else ("on_message", "on_request")
