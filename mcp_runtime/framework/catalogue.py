"""A server's components of one kind: kept, found, filtered, and described once (FASTMCP S-05 to S-10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.errors import NotFoundError

if TYPE_CHECKING:
    from msgspec import Raw

__all__ = ("DUPLICATE_POLICIES", "Catalogue", "DuplicatePolicy", "Visibility")

C = TypeVar("C", bound=Component)

DuplicatePolicy = Literal["warn", "replace", "error", "ignore"]
DUPLICATE_POLICIES: tuple[DuplicatePolicy, ...] = ("warn", "replace", "error", "ignore")


class Visibility:
    """Which components are offered: switched on, and let through by the server's tag filters."""

    def __init__(self, include_tags: set[str] | None, exclude_tags: set[str] | None) -> None:
        self.include_tags = include_tags
        self.exclude_tags = exclude_tags

    def shows(self, component: Component) -> bool:
        """Exclusion beats inclusion; with an inclusion filter, an untagged component is hidden."""
        if not component.enabled:
            return False
        if self.exclude_tags and component.tags & self.exclude_tags:
            return False
        return self.include_tags is None or bool(component.tags & self.include_tags)


class Catalogue(Generic[C]):
    """Components of one kind by their key, in the order they were added."""

    def __init__(self, noun: str, policy: DuplicatePolicy, visibility: Visibility) -> None:
        self.noun = noun
        self.policy = policy
        self.changed: Callable[[], None] | None = None
        """Called after every change, for whoever announces changes to clients."""
        self._visibility = visibility
        self._components: dict[str, C] = {}
        self._definitions: dict[bool, tuple[dict[str, Any], ...]] = {}
        self._encoded: dict[bool, Raw] = {}

    def __iter__(self) -> Iterator[C]:
        """The components clients see."""
        return (component for component in self._components.values() if self._visibility.shows(component))

    def __len__(self) -> int:
        return len(self._components)

    def add(self, component: C) -> C:
        """Keep `component`; what happens to one of the same key is the policy's business. Returns the one kept."""
        key = component.key
        existing = self._components.get(key)
        if existing is not None and existing is not component:
            if self.policy == "error":
                raise ValueError(f"{self.noun.capitalize()} already exists: {key}")
            if self.policy == "ignore":
                return existing
            if self.policy == "warn":
                import logging

                log = logging.getLogger(__name__)
                log.warning("%s already exists, the new one replaces it: %s", self.noun.capitalize(), key)
        self._components[key] = component
        component.on_change(self._forget)
        self._forget()
        return component

    def remove(self, key: str) -> None:
        """Raises NotFoundError."""
        if self._components.pop(key, None) is None:
            raise NotFoundError(f"There is no {self.noun} {key!r} to remove.")
        self._forget()

    def get(self, key: str) -> C:
        """The component, hidden or not. Raises NotFoundError."""
        try:
            return self._components[key]
        except KeyError:
            raise NotFoundError(f"Unknown {self.noun}: {key!r}") from None

    def find(self, key: str) -> C | None:
        """The component if clients may use it."""
        component = self._components.get(key)
        return component if component is not None and self._visibility.shows(component) else None

    def holds(self, key: str) -> bool:
        """Whether there is one by that key, hidden or not."""
        return key in self._components

    def everything(self) -> dict[str, C]:
        """All components, hidden ones too."""
        return dict(self._components)

    def definitions(self, *, framework_meta: bool = True) -> tuple[dict[str, Any], ...]:
        """What clients are told, worked out once until something changes. Not to be changed by callers."""
        known = self._definitions.get(framework_meta)
        if known is None:
            known = tuple(component.definition(framework_meta=framework_meta) for component in self)
            self._definitions[framework_meta] = known
        return known

    def encoded(self, *, framework_meta: bool = True) -> Raw:
        """The definitions as a JSON array, written once until something changes."""
        known = self._encoded.get(framework_meta)
        if known is None:
            from msgspec import Raw
            from msgspec.json import encode

            known = Raw(encode(self.definitions(framework_meta=framework_meta)))
            self._encoded[framework_meta] = known
        return known

    def _forget(self) -> None:
        self._definitions.clear()
        self._encoded.clear()
        if self.changed is not None:
            self.changed()


def checked_policy(value: str, parameter: str) -> DuplicatePolicy:
    """Raises ValueError listing the four policies."""
    if value not in DUPLICATE_POLICIES:
        raise ValueError(f"{parameter}={value!r} is none of {', '.join(map(repr, DUPLICATE_POLICIES))}.")
    return value
