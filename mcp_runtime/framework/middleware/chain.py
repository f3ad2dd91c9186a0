"""Running a message through a server's middleware.

What each middleware overrides is looked at once: a message passes only through hooks that somebody wrote, and a
method that nobody's hook applies to is answered as if there were no middleware.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.errors import MiddlewareError
from mcp_runtime.framework.functions.results import ToolResult
from mcp_runtime.framework.middleware.base import HOOKS, Middleware, MiddlewareContext, hooks_for

__all__ = ("Chain", "checked_middleware")

Handler = Callable[[MiddlewareContext[Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class _Step:
    owner: str
    """For messages: `Watch.on_call_tool`."""
    run: Callable[..., Awaitable[Any]]
    reworks: bool
    """Whether it is there for this method, and may change the answer."""


class Chain:
    """The middleware of one server, in the order they were added."""

    def __init__(self, middleware: Sequence[Any]) -> None:
        self._middleware = tuple(middleware)
        self._steps: dict[tuple[str, str], tuple[_Step, ...]] = {}

    def touches(self, method: str, kind: str = "request") -> bool:
        """Whether anybody's hook applies."""
        return bool(self._for(method, kind))

    def reworks(self, method: str) -> bool:
        """Whether somebody's hook is for this method, not only for messages of all kinds, and may change answers."""
        return any(step.reworks for step in self._for(method, "request"))

    @property
    def hears_notifications(self) -> bool:
        """Whether somebody's hook is for notifications, not only for messages of all kinds."""
        return any(
            not isinstance(one, Middleware) or type(one).on_notification is not Middleware.on_notification
            for one in self._middleware
        )

    async def run(self, context: MiddlewareContext[Any], final: Handler) -> Any:
        """The answer, by way of every hook that applies. Raises what they raise, and MiddlewareError."""
        method = context.method or ""
        handler = final
        for step in reversed(self._for(method, context.type)):
            handler = _through(step, handler, method)
        return await handler(context)

    def _for(self, method: str, kind: str) -> tuple[_Step, ...]:
        known = self._steps.get((method, kind))
        if known is None:
            if len(self._steps) > _MOST_METHODS:  # methods are the client's words
                self._steps.clear()
            known = tuple(step for one in self._middleware for step in _steps_of(one, method, kind))
            self._steps[(method, kind)] = known
        return known


_MOST_METHODS = 64


def checked_middleware(middleware: Any) -> Any:
    """Raises TypeError for what is no middleware."""
    if isinstance(middleware, type):
        raise TypeError(f"add_middleware() takes an object, not a class: write {middleware.__name__}().")
    if not callable(middleware):
        raise TypeError(f"{middleware!r} is no middleware: write a subclass of Middleware.")
    return middleware


def _steps_of(middleware: Any, method: str, kind: str) -> list[_Step]:
    name = type(middleware).__name__
    if not isinstance(middleware, Middleware) or type(middleware).__call__ is not Middleware.__call__:
        return [_Step(name, middleware, reworks=True)]
    own = HOOKS.get(method) if not middleware.only_looks_on else None
    return [
        _Step(f"{name}.{hook}", getattr(middleware, hook), reworks=hook == own)
        for hook in hooks_for(method, kind)
        if getattr(type(middleware), hook) is not getattr(Middleware, hook) or hook in vars(middleware)
    ]


def _through(step: _Step, following: Handler, method: str) -> Handler:
    expected = _EXPECTED.get(method)

    async def handle(context: MiddlewareContext[Any]) -> Any:
        called = False

        async def call_next(context: MiddlewareContext[Any]) -> Any:
            nonlocal called
            called = True
            if not isinstance(context, MiddlewareContext):
                raise MiddlewareError(
                    f"{step.owner} gave call_next a {type(context).__name__}: hand on the context itself, "
                    "or context.copy(message=…)."
                )
            return await following(context)

        answer = step.run(context, call_next=call_next)
        if not inspect.isawaitable(answer):
            raise MiddlewareError(f"{step.owner} is not asynchronous: write it as `async def`.")
        result = await answer
        if expected is not None and not expected[0](result):
            raise MiddlewareError(_complaint(step.owner, result, expected[1], called=called))
        return result

    return handle


def _complaint(owner: str, result: Any, wanted: str, *, called: bool) -> str:
    if inspect.iscoroutine(result):
        result.close()
        return f"{owner} returned call_next(context) without awaiting it: write `return await call_next(context)`."
    if result is not None:
        return f"{owner} returned a {type(result).__name__} where {wanted} is expected."
    if called:
        return f"{owner} returned nothing: return what `await call_next(context)` gave, or {wanted}."
    return f"{owner} neither called call_next(context) nor returned {wanted} of its own."


def _is_list_of_components(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, Component) for item in value)


def _is_contents(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(hasattr(item, "content") for item in value)
    return hasattr(value, "contents")


_COMPONENTS = (_is_list_of_components, "a list of components")
_EXPECTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "tools/call": (lambda value: isinstance(value, ToolResult), "a ToolResult"),
    "resources/read": (_is_contents, "a list of ResourceContent"),
    "prompts/get": (lambda value: hasattr(value, "messages"), "a GetPromptResult"),
    "tools/list": _COMPONENTS,
    "resources/list": _COMPONENTS,
    "resources/templates/list": _COMPONENTS,
    "prompts/list": _COMPONENTS,
}
"""What an answer must be, and the words for it."""
