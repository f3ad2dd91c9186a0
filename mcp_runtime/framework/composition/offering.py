"""What a server offers, of its own and of other servers', and who is told when that changes (FASTMCP 1.11).

A server of one piece offers its catalogues. One that others are mounted in, or whose components are transformed, has
for each kind a `View`, worked out when first needed and again after a change.
"""

from __future__ import annotations

import functools
import logging
import time
import weakref
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.components.versions import version_key
from mcp_runtime.framework.composition.sources import KINDS, Kind, Source
from mcp_runtime.framework.visibility import in_force

if TYPE_CHECKING:
    from msgspec import Raw

    from mcp_runtime.framework.catalogue import Catalogue
    from mcp_runtime.framework.composition.mounts import Mount
    from mcp_runtime.framework.composition.transforms import Transform
    from mcp_runtime.framework.composition.views import View
    from mcp_runtime.framework.lifespan import Lifespan
    from mcp_runtime.framework.middleware.chain import Chain
    from mcp_runtime.framework.visibility import Visibility

__all__ = ("Offer", "Offering")

_log = logging.getLogger(__name__)

Watcher = Callable[[Kind], None]


class Offer(Protocol):
    """What serving needs of a Catalogue or a View."""

    def find(self, key: str) -> Any: ...
    def holds(self, key: str) -> bool: ...
    def __iter__(self) -> Iterator[Any]: ...
    def definitions(self, *, framework_meta: bool = True) -> tuple[dict[str, Any], ...]: ...
    def encoded(self, *, framework_meta: bool = True) -> Raw: ...


class Offering:
    """The part of `FastMCP` that knows its components, wherever they come from."""

    strict_input_validation: bool
    mask_error_details: bool
    include_fastmcp_meta: bool
    resource_prefix_format: str
    name: str
    _catalogues: dict[Kind, Catalogue[Any]]
    _visibility: Visibility
    _lifespan: Lifespan | None

    def _compose(self) -> None:
        """Called by the constructor, once the catalogues are there."""
        self._middleware: list[Any] = []
        self._chain: Chain | None = None
        self._sources: list[Source] = []
        self._transforms: list[Transform] = []
        self._views: dict[Kind, View[Any]] = {}
        self._varying: dict[Kind, bool] = {}
        self._watchers: list[Callable[[], Watcher | None]] = []
        self._sessions_switch: bool | None = None
        self._started = False
        self.shared: dict[Hashable, Lifespan] = {}
        """What `Shared()` keeps for as long as the server runs."""
        self.holders: set[Mount] = set()
        """The parents that have started this server."""
        for kind, catalogue in self._catalogues.items():
            catalogue.changed = functools.partial(self._changed, kind)

    # What is offered.

    def offer_known(self, kind: Kind) -> Offer | None:
        """What is offered of one kind, without waiting; None if something has to be loaded first."""
        if not self._sources and not self._transforms:
            return self._catalogues[kind]
        view = None if in_force.get() else self._views.get(kind)
        if (view is None or not view.fresh) and not self._waits:
            view = self._build(kind)
        return view if view is not None and view.fresh else None

    async def offer(self, kind: Kind) -> Offer:
        """What is offered of one kind."""
        found = self.offer_known(kind)
        if found is None:
            import asyncio

            await asyncio.gather(*(self._load(source, kind) for source in self._sources if source.known(kind) is None))
            lists, expiry = self._lists(kind)
            merged = self._merged(kind, [found or () for found in lists])
            listed: Sequence[Any] = list(merged.values())
            for transform in self._transforms:
                listed = await transform.applied(kind, listed)
            found = self._keep(kind, self._view(kind, merged, listed, 0.0 if self._waits else expiry))
        return found

    def offer_expires(self, kind: Kind) -> float | None:
        view = self._views.get(kind)
        return None if view is None else view.expires

    def hidden(self, kind: Kind) -> Collection[str]:
        """Keys of components that are there and not offered."""
        found = self.offer_known(kind)
        if found is self._catalogues[kind]:
            catalogue = self._catalogues[kind]
            return [key for key in catalogue.everything() if catalogue.find(key) is None]
        return getattr(found, "hidden", ())  # a view's

    def definitions(self, kind: Kind) -> tuple[dict[str, Any], ...]:
        """What clients are told of one kind, as far as it is known here. Not to be changed by callers."""
        found = self.offer_known(kind) or self._catalogues[kind]
        return found.definitions(framework_meta=self.include_fastmcp_meta)

    async def refresh(self, kind: Kind) -> bool:
        """Look again at what other servers offer, where that is not told us. Whether anything is new."""
        found = False
        for source in self._sources:
            found = await source.refresh(kind) or found
        if found:
            self._changed(kind)
        return found

    async def _load(self, source: Source, kind: Kind) -> None:
        try:
            await source.load(kind)
        except Exception:  # noqa: BLE001 - another server may fail as it likes
            _log.exception("%r could not be listed; the others go on without it.", source)

    def _build(self, kind: Kind) -> View[Any] | None:
        """The view, if everything it takes is known."""
        lists, expiry = self._lists(kind)
        if any(found is None for found in lists):
            return None
        merged = self._merged(kind, [found or () for found in lists])
        listed: Sequence[Any] = list(merged.values())
        for transform in self._transforms:
            listed = transform.apply(kind, listed)  # type: ignore[attr-defined]  # unless it waits, which `_waits` says
        return self._keep(kind, self._view(kind, merged, listed, expiry))

    def _keep(self, kind: Kind, view: View[Any]) -> View[Any]:
        if not in_force.get():  # what one session sees is worked out for each of its requests
            self._views[kind] = view
        return view

    def _lists(self, kind: Kind) -> tuple[list[Sequence[Component] | None], float | None]:
        """What each source has, and until when that holds; one that could not be listed is tried again later."""
        lists = [source.known(kind) for source in self._sources]
        expiries = [expiry for source in self._sources if (expiry := source.expires(kind)) is not None]
        if any(found is None for found in lists):
            expiries.append(time.monotonic() + _RETRY_SECONDS)
        return lists, min(expiries, default=None)

    def _merged(self, kind: Kind, lists: Sequence[Iterable[Component]]) -> dict[str, Component]:
        """Everything by key. Mounted servers beat what was before and our own components (FASTMCP K-03); providers,
        proxied servers among them, add what is not there yet."""
        merged: dict[str, Component] = self._catalogues[kind].everything()
        for source, components in zip(self._sources, lists, strict=True):
            for component in self._highest(components):
                if source.beats_others or component.key not in merged:
                    merged[component.key] = component
        return merged

    def _highest(self, components: Iterable[Component]) -> Iterable[Component]:
        """Of several versions of a component that one source has, the highest that is offered."""
        found: dict[str, Component] = {}
        for component in components:
            known = found.get(component.key)
            if known is None or (
                self._visibility.shows(component)
                and (not self._visibility.shows(known) or version_key(component.version) > version_key(known.version))
            ):
                found[component.key] = component
        return found.values()

    def _view(
        self, kind: Kind, merged: Mapping[str, Component], listed: Sequence[Any], expires: float | None
    ) -> View[Any]:
        """What clients see of `listed`, and the keys of what they do not."""
        from mcp_runtime.framework.composition.views import View

        shown = [component for component in listed if self._visibility.shows(component)]
        hidden = {key for source in self._sources for key in source.hidden(kind)} | merged.keys()
        return View(
            shown,
            hidden - {component.key for component in shown},
            expires=expires,
            lists=self._lists_component if self._chooses else None,
        )

    @property
    def _chooses(self) -> bool:
        """Whether a transform lists less than it offers."""
        return any(hasattr(transform, "lists") for transform in self._transforms)

    def _lists_component(self, component: Component) -> bool:
        return all(transform.lists(component) for transform in self._transforms if hasattr(transform, "lists"))

    @property
    def _waits(self) -> bool:
        """Whether a transform of the author's own has to be awaited; what it says holds for one request."""
        return any(not hasattr(transform, "apply") for transform in self._transforms)

    # Changes.

    def watch(self, watcher: Watcher) -> None:
        """Have `watcher` called with the kind whenever the offer changes. Methods are held weakly."""
        held = hasattr(watcher, "__self__")
        self._watchers.append(weakref.WeakMethod(watcher) if held else lambda: watcher)

    def _changed(self, kind: Kind) -> None:
        self._views.pop(kind, None)
        self._varying.pop(kind, None)
        self._sessions_switch = self._sessions_switch or None
        for reference in list(self._watchers):
            watcher = reference()
            if watcher is None:
                self._watchers.remove(reference)
            else:
                watcher(kind)

    def _everything_changed(self) -> None:
        for kind in KINDS:
            self._changed(kind)


_RETRY_SECONDS = 5.0
"""How long a server that could not be listed is left out before it is tried again."""
