"""What a parameter's default may say instead of a value: how to get one when the function is called (FASTMCP C-01).

A parameter whose default, or whose `Annotated` annotation, is a Dependency is filled by the framework. It appears in
no schema, and a client that sends a value under its name is refused (FASTMCP T-08).
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Hashable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_runtime.framework.context import Context

__all__ = ("Dependency", "Scope", "dependency_in", "looks_injected")

_MISSING = object()
_SPELT = re.compile(r"\b(Depends|Shared|Current\w+|TokenClaim|CallArgument|Progress)\(|\bUserSession\b")


class Dependency:
    """Something that knows how to get a value for one call.

    Subclass it as an asynchronous context manager: `__aenter__` gives the value, `__aexit__` runs when the call is
    over, whether it failed or not.
    """

    async def resolve(self, scope: Scope, parameter: str) -> Any:
        """The value for `parameter` in the call that `scope` is of."""
        return await scope.stack.enter_async_context(self)

    async def __aenter__(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not say what it injects: give it an __aenter__().")

    async def __aexit__(self, *_: object) -> None:
        return None


class Scope:
    """One call of a component: what its dependencies share, and what is left when it is over."""

    def __init__(self, stack: AsyncExitStack, context: Context | None, arguments: dict[str, Any]) -> None:
        self.stack = stack
        self.context = context
        self.arguments = arguments
        """The call's arguments, and what was injected so far."""
        self.pending: dict[str, Dependency] = {}
        """The call's own dependencies that are still to be resolved."""
        self._values: dict[Hashable, Any] = {}
        self._underway: set[Hashable] = set()

    async def fill(self, dependencies: Mapping[str, Dependency]) -> None:
        """Put a value for each of the component's dependencies among the arguments."""
        self.pending = dict(dependencies)
        for name in dependencies:
            await self.argument(name)

    async def argument(self, name: str) -> Any:
        """An argument of the call by its name, injected first if need be. Raises KeyError for an unknown one."""
        dependency = self.pending.get(name)
        if dependency is not None:
            self.arguments[name] = await self.once(("argument", name), lambda: dependency.resolve(self, name))
            self.pending.pop(name, None)
        return self.arguments[name]

    async def once(self, key: Hashable, make: Callable[[], typing.Awaitable[Any]]) -> Any:
        """The value under `key`, made by the first who asks. Raises RuntimeError for a circle."""
        value = self._values.get(key, _MISSING)
        if value is _MISSING:
            if key in self._underway:
                raise RuntimeError("A dependency needs itself: the functions given to Depends() form a circle.")
            self._underway.add(key)
            try:
                value = self._values[key] = await make()
            finally:
                self._underway.discard(key)
        return value


def dependency_in(annotation: Any) -> Dependency | None:
    """The dependency in `Annotated[T, Depends(...)]`; None where there is none."""
    if typing.get_origin(annotation) is typing.Annotated:
        return next((item for item in annotation.__metadata__ if isinstance(item, Dependency)), None)
    return None


def looks_injected(annotation: Any) -> bool:
    """The same before annotations are resolved: a text is judged by its looks."""
    if isinstance(annotation, str):
        return _SPELT.search(annotation) is not None
    return dependency_in(annotation) is not None
