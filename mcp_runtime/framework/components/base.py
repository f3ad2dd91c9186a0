"""What tools, resources, templates and prompts have in common."""

from __future__ import annotations

import copy
import functools
import inspect
import itertools
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, ClassVar, Generic, ParamSpec, Self, TypeVar, cast

from mcp_runtime.framework.components.access import AuthCheck, checked_auth
from mcp_runtime.framework.components.tasks import TaskConfig, checked_task
from mcp_runtime.framework.components.versions import checked_version
from mcp_runtime.framework.errors import InvalidSignature
from mcp_runtime.framework.functions.results import as_plain
from mcp_runtime.framework.functions.signature import callable_name, unwrap_callable
from mcp_runtime.framework.types import Icon

__all__ = ("Component", "FunctionComponent", "Unset", "UnsetType", "given_name", "now_switching", "plain_function")

P = ParamSpec("P")
R = TypeVar("R")


class UnsetType:
    """The type of `Unset`: an option that was not given, where None means something."""

    def __repr__(self) -> str:
        return "Unset"


Unset = UnsetType()

now_switching = itertools.count(1).__next__
"""Numbers the moments at which components are switched on or off, one by one or by a server's rule."""


class Component:
    """Something a server offers, switched on or off, described to clients by `definition()`."""

    noun: ClassVar[str] = "component"

    def __init__(
        self,
        *,
        name: str,
        title: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        icons: Iterable[Icon | Mapping[str, Any]] | None = None,
        meta: Mapping[str, Any] | None = None,
        enabled: bool = True,
        version: str | float | None = None,
        auth: AuthCheck | Iterable[AuthCheck] | None = None,
        task: bool | TaskConfig | None = None,
    ) -> None:
        if isinstance(tags, str):
            raise TypeError(f"tags= is a set of names, not the single text {tags!r}: write {{{tags!r}}}.")
        self.name = name
        self.title = title
        self.description = description
        self.tags = set(tags or ())
        self.icons = [Icon.from_wire(icon) for icon in icons] if icons else None
        self.meta = dict(meta) if meta else None
        self.version = checked_version(version)
        self.auth = checked_auth(auth)
        """Who may see and use it; a caller whom one of these refuses finds no such component."""
        self.task = checked_task(task)
        self._enabled = enabled
        self.switched = 0
        """When it was switched by itself, on the clock of `now_switching`: the last word counts."""
        self._listeners: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key!r})"

    def __await__(self) -> Generator[Any, None, Self]:
        """`await mcp.get_tool("x")` and `mcp.get_tool("x")` give the same (FASTMCP 0.3)."""
        yield from ()
        return self

    @property
    def key(self) -> str:
        """What the component is found by."""
        return self.name

    @property
    def enabled(self) -> bool:
        return self._enabled

    def enable(self) -> None:
        """Offer the component again."""
        self._switch(True)

    def disable(self) -> None:
        """Hide the component: it is not listed, and using it is an unknown name (FASTMCP T-06)."""
        self._switch(False)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some attributes replaced, as middleware makes them; its sets, lists and dictionaries are its own.

        What a tool's code does stays the same, so `deep` makes no difference.
        """
        made = copy.copy(self)
        state = vars(made)
        for name, value in state.items():
            if isinstance(value, (dict, list, set)):
                state[name] = value.copy()
        made._listeners = []
        for name, value in (update or {}).items():
            setattr(made, name, value)
        return made

    def definition(self, *, framework_meta: bool = True) -> dict[str, Any]:
        """What clients are told, as a JSON object of revision 2026-07-28."""
        raise NotImplementedError

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever the component is switched."""
        self._listeners.append(listener)

    def _switch(self, enabled: bool) -> None:
        self._enabled = enabled
        self.switched = now_switching()
        for listener in self._listeners:
            listener()

    def _describe(self, definition: dict[str, Any], *, framework_meta: bool) -> dict[str, Any]:
        """Add the members that every kind of definition has."""
        if self.title is not None:
            definition["title"] = self.title
        if self.description is not None:
            definition["description"] = self.description
        if self.icons:
            definition["icons"] = [icon.to_wire() for icon in self.icons]
        meta = dict(self.meta or {})
        if framework_meta and self.tags:
            meta["_fastmcp"] = {**meta.get("_fastmcp", {}), "tags": sorted(self.tags)}
        if framework_meta and self.version is not None:
            meta["fastmcp"] = {**meta.get("fastmcp", {}), "version": self.version}
        if meta:
            definition["_meta"] = as_plain(meta)
        return definition


class FunctionComponent(Generic[P, R]):
    """Mixed into components made from a function: the decorated name stays callable like the function itself."""

    fn: Callable[P, R]

    def _adopt(self, function: Callable[P, R]) -> None:
        self.fn = function
        functools.update_wrapper(cast(Any, self), function, updated=())
        if sys.version_info >= (3, 12) and inspect.iscoroutinefunction(function):
            inspect.markcoroutinefunction(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.fn(*args, **kwargs)


def plain_function(function: Any, *, noun: str) -> Callable[..., Any]:
    """The author's function, also from under a decorator of ours that was applied before."""
    if isinstance(function, FunctionComponent):
        return function.fn
    return unwrap_callable(function, noun=noun)


def given_name(name: str | None, function: Callable[..., Any], *, noun: str) -> str:
    """The component's name: the one given, else the function's (FASTMCP T-03)."""
    found = name or callable_name(function)
    if not found:
        raise InvalidSignature(f"A lambda or partial has no name of its own; give the {noun} one with name=.")
    return found
