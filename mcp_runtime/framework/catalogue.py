"""A server's components of one kind: kept, found, filtered, and described once (FASTMCP S-05 to S-10)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from mcp_runtime.framework.components.access import permitted
from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.components.versions import version_key
from mcp_runtime.framework.errors import NotFoundError
from mcp_runtime.framework.visibility import Visibility, in_force

if TYPE_CHECKING:
    from msgspec import Raw

    from mcp_runtime.framework.context import Context

__all__ = (
    "DUPLICATE_POLICIES",
    "Catalogue",
    "DuplicatePolicy",
    "Visibility",
    "checked_policy",
    "permits",
    "requested_version",
)

C = TypeVar("C", bound=Component)

DuplicatePolicy = Literal["warn", "replace", "error", "ignore"]
DUPLICATE_POLICIES: tuple[DuplicatePolicy, ...] = ("warn", "replace", "error", "ignore")


class Catalogue(Generic[C]):
    """Components of one kind by their key, in the order they were added; of several versions the highest counts."""

    def __init__(self, noun: str, policy: DuplicatePolicy, visibility: Visibility) -> None:
        self.noun = noun
        self.policy = policy
        self.changed: Callable[[], None] | None = None
        """Called after every change, for whoever announces changes to clients."""
        self._visibility = visibility
        self._components: dict[str, list[C]] = {}
        """Each list begins with the highest version."""
        self._shown: tuple[C, ...] | None = None
        self._guarded: bool | None = None
        self._definitions: dict[bool, tuple[dict[str, Any], ...]] = {}
        self._encoded: dict[bool, Raw] = {}

    def __iter__(self) -> Iterator[C]:
        """The components clients see, whoever they are; see `permitted`."""
        return iter(self.shown)

    def __len__(self) -> int:
        return len(self._components)

    @property
    def shown(self) -> tuple[C, ...]:
        """The same at once, in the order of registration."""
        if self._shown is not None and not in_force.get():
            return self._shown
        found = (self.find(key) for key in self._components)
        shown = tuple(component for component in found if component is not None)
        if not in_force.get():  # what one session sees is worked out for each of its requests
            self._shown = shown
        return shown

    @property
    def guarded(self) -> bool:
        """Whether what is seen depends on who looks (`auth=`)."""
        if self._guarded is None:
            self._guarded = any(component.auth for versions in self._components.values() for component in versions)
        return self._guarded

    def add(self, component: C) -> C:
        """Keep `component`; what happens to one of the same key is the policy's business. Returns the one kept."""
        versions = self._components.get(component.key, [])
        if any((other.version is None) is not (component.version is None) for other in versions):
            raise ValueError(
                f"The {self.noun} {component.key!r} exists with a version and without one: give every one of them "
                "a version=, or none."
            )
        existing = next((other for other in versions if other.version == component.version), None)
        if existing is not None and existing is not component:
            if self.policy == "error":
                raise ValueError(f"{self.noun.capitalize()} already exists: {component.key}")
            if self.policy == "ignore":
                return existing
            if self.policy == "warn":
                import logging

                log = logging.getLogger(__name__)
                log.warning("%s already exists, the new one replaces it: %s", self.noun.capitalize(), component.key)
        others = [other for other in versions if other is not existing]
        self._components[component.key] = sorted(
            [component, *others], key=lambda one: version_key(one.version), reverse=True
        )
        component.on_change(self.forget)
        self.forget()
        return component

    def remove(self, key: str, version: str | None = None) -> None:
        """Every version, or the one named. Raises NotFoundError."""
        versions = self._components.get(key, [])
        kept = [] if version is None else [component for component in versions if component.version != version]
        if len(kept) == len(versions):
            raise NotFoundError(f"There is no {self.noun} {_shown(key, version)} to remove.")
        if kept:
            self._components[key] = kept
        else:
            del self._components[key]
        self.forget()

    def get(self, key: str, version: str | None = None) -> C:
        """The component, hidden or not. Raises NotFoundError."""
        for component in self._components.get(key, ()):
            if version is None or component.version == version:
                return component
        raise NotFoundError(f"Unknown {self.noun}: {_shown(key, version)}")

    def find(self, key: str, version: str | None = None) -> C | None:
        """The component if it is offered, to whomever; the highest version that is, or the one asked for."""
        for component in self._components.get(key, ()):
            if (version is None or component.version == version) and self._visibility.shows(component):
                return component
        return None

    def offered(self) -> list[C]:
        """Every version of every component, but for what is switched off."""
        return [one for versions in self._components.values() for one in versions if self._visibility.shows(one)]

    async def usable(self, key: str, context: Context) -> C | None:
        """The component if this caller may use it: the version the request asks for, or the highest permitted."""
        versions = self._components.get(key)
        if versions is None:
            return None
        wanted = requested_version(context)
        for component in versions:
            if (
                (wanted is None or component.version == wanted)
                and self._visibility.shows(component)
                and (not component.auth or await permits(component, context))
            ):
                return component
        return None

    async def permitted(self, context: Context) -> tuple[C, ...]:
        """The components this caller sees."""
        if not self.guarded:
            return self.shown
        found = []
        for versions in self._components.values():
            for component in versions:
                if self._visibility.shows(component) and await permits(component, context):
                    found.append(component)
                    break
        return tuple(found)

    def holds(self, key: str) -> bool:
        """Whether there is one by that key, hidden or not."""
        return key in self._components

    def everything(self) -> dict[str, C]:
        """All components, hidden ones too, each in the version that is offered, or else in its highest."""
        return {key: self.find(key) or versions[0] for key, versions in self._components.items()}

    def definitions(self, *, framework_meta: bool = True) -> tuple[dict[str, Any], ...]:
        """What clients are told, worked out once until something changes. Not to be changed by callers."""
        known = self._definitions.get(framework_meta)
        if known is None:
            known = self.described(self.shown, framework_meta=framework_meta)
            self._definitions[framework_meta] = known
        return known

    def described(self, components: Iterable[C], *, framework_meta: bool = True) -> tuple[dict[str, Any], ...]:
        """What clients are told of these components."""
        return tuple(self._definition(component, framework_meta) for component in components)

    def encoded(self, *, framework_meta: bool = True) -> Raw:
        """The definitions as a JSON array, written once until something changes."""
        known = self._encoded.get(framework_meta)
        if known is None:
            from msgspec import Raw
            from msgspec.json import encode

            known = Raw(encode(self.definitions(framework_meta=framework_meta)))
            self._encoded[framework_meta] = known
        return known

    def forget(self) -> None:
        """Something changed: what was worked out counts no more."""
        self._shown = self._guarded = None
        self._definitions.clear()
        self._encoded.clear()
        if self.changed is not None:
            self.changed()

    def _definition(self, component: C, framework_meta: bool) -> dict[str, Any]:
        definition = component.definition(framework_meta=framework_meta)
        if framework_meta and component.version is not None:
            versions = self._components.get(component.key, (component,))
            definition["_meta"]["fastmcp"]["versions"] = [other.version for other in versions]
        return definition


def checked_policy(value: str, parameter: str) -> DuplicatePolicy:
    """Raises ValueError listing the four policies."""
    if value not in DUPLICATE_POLICIES:
        raise ValueError(f"{parameter}={value!r} is none of {', '.join(map(repr, DUPLICATE_POLICIES))}.")
    return value


def requested_version(context: Context) -> str | None:
    """The version of the component that the request asks for in `_meta.fastmcp.version`."""
    asked = context._meta.get("fastmcp")
    version = asked.get("version") if isinstance(asked, dict) else None
    return version if isinstance(version, str) else None


async def permits(component: Component, context: Context) -> bool:
    """Whether the caller may see and use it; see `components.access`."""
    if not component.auth or getattr(context.exchange, "transport", None) == "stdio":
        return True  # whoever started the process may do anything in it
    from mcp_runtime.framework.dependencies import token_of

    return await permitted(component, token_of(context))


def _shown(key: str, version: str | None) -> str:
    return repr(key) if version is None else f"{key!r} of version {version!r}"
