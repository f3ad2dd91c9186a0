"""All components of one kind that a composed server offers: its own and other servers', by key.

A view is worked out once, and again after a change; its definitions are encoded once. So a call finds its component
in a dictionary and a list is a copy of bytes, however many servers are mounted (FASTMCP K-08).
"""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.components.template import ResourceTemplate

if TYPE_CHECKING:
    from msgspec import Raw

__all__ = ("View", "all_listed", "listing_all")

C = TypeVar("C", bound=Component)


all_listed: contextvars.ContextVar[bool] = contextvars.ContextVar("all_listed", default=False)
"""Whether views list what they have and do not show."""


@contextmanager
def listing_all() -> Iterator[None]:
    """Inside the block views list what they have and do not show, for who searches in it."""
    token = all_listed.set(True)
    try:
        yield
    finally:
        all_listed.reset(token)


class View(Generic[C]):
    """Has of a Catalogue what serving needs."""

    def __init__(
        self,
        components: Iterable[C],
        hidden: Iterable[str],
        *,
        expires: float | None,
        lists: Callable[[C], bool] | None = None,
    ) -> None:
        """What `lists` refuses is found, and not listed."""
        self._components = {component.key: component for component in components}
        self._lists = lists
        self._hidden = frozenset(hidden)
        self._expires = expires
        self._definitions: dict[bool, tuple[dict[str, Any], ...]] = {}
        self._encoded: dict[bool, Raw] = {}
        self._families: tuple[dict[str, list[ResourceTemplate]], list[ResourceTemplate]] | None = None

    def __iter__(self) -> Iterator[C]:
        components = self._components.values()
        if self._lists is None or all_listed.get():
            return iter(components)
        return filter(self._lists, components)

    @property
    def expires(self) -> float | None:
        """The monotonic time from which the view is to be worked out again; None for as long as nothing changes."""
        return self._expires

    @property
    def fresh(self) -> bool:
        return self._expires is None or time.monotonic() < self._expires

    def find(self, key: str) -> C | None:
        return self._components.get(key)

    def holds(self, key: str) -> bool:
        """Whether there is one by that key, hidden or not."""
        return key in self._components or key in self._hidden

    @property
    def hidden(self) -> frozenset[str]:
        return self._hidden

    def candidates(self, uri: str) -> Iterator[ResourceTemplate]:
        """The templates that may match, those of servers mounted last first."""
        if self._families is None:
            self._families = _families(self)
        by_place, elsewhere = self._families
        place = _place(uri)
        near = by_place.get(place, ()) if place is not None else ()
        if not near or not elsewhere:
            return iter(near or elsewhere)
        ranks = {id(template): rank for rank, template in enumerate(self._components.values())}
        return iter(sorted((*near, *elsewhere), key=lambda template: -ranks[id(template)]))

    def definitions(self, *, framework_meta: bool = True) -> tuple[dict[str, Any], ...]:
        """What clients are told. Not to be changed by callers."""
        known = self._definitions.get(framework_meta)
        if known is None:
            known = tuple(component.definition(framework_meta=framework_meta) for component in self)
            self._definitions[framework_meta] = known
        return known

    def encoded(self, *, framework_meta: bool = True) -> Raw:
        """The definitions as a JSON array."""
        known = self._encoded.get(framework_meta)
        if known is None:
            from msgspec import Raw
            from msgspec.json import encode

            known = Raw(encode(self.definitions(framework_meta=framework_meta)))
            self._encoded[framework_meta] = known
        return known


def _families(
    components: Iterable[Component],
) -> tuple[dict[str, list[ResourceTemplate]], list[ResourceTemplate]]:
    """Templates by the scheme and authority all their URIs share, and those that share none; the last one first."""
    by_place: dict[str, list[ResourceTemplate]] = {}
    elsewhere: list[ResourceTemplate] = []
    for template in reversed([one for one in components if isinstance(one, ResourceTemplate)]):
        literal = template.uri_template.partition("{")[0]
        place = _place(literal)
        if place is None:
            elsewhere.append(template)
        else:
            by_place.setdefault(place, []).append(template)
    return by_place, elsewhere


def _place(uri: str) -> str | None:
    """`data://weather` of `data://weather/info`; None where the authority does not end."""
    scheme, divider, rest = uri.partition("://")
    authority, slash, _ = rest.partition("/")
    return f"{scheme}{divider}{authority}" if divider and slash else None
