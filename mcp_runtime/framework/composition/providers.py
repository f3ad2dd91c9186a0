"""Components that are asked for when they are needed (a later word for sources; FASTMCP 2.2).

A provider of the author's own is a subclass of `Provider` that answers `_list_tools` and its like, from a database
perhaps. It is asked for every request, unless it says for how many seconds its answer holds (`cache_seconds`).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.composition.sources import Kind

if TYPE_CHECKING:
    import asyncio

    from mcp_runtime.framework.composition.transforms import Transform
    from mcp_runtime.framework.context import Context

__all__ = ("FastMCPProvider", "Provider", "ProviderSource")


class Provider:
    """Override what you provide of `_list_tools`, `_list_resources`, `_list_resource_templates`, `_list_prompts`.

    `_get_tool(name)` and its like are for components that are not in the lists.
    """

    cache_seconds: float = 0.0

    def __init__(self) -> None:
        self._transforms: list[Transform] = []

    def add_transform(self, transform: Transform) -> None:
        """Change all that is provided, after the transforms added before."""
        self.transforms.append(transform)

    @property
    def transforms(self) -> list[Transform]:
        if "_transforms" not in vars(self):  # a subclass that does not call our constructor
            self._transforms = []
        return self._transforms

    async def list_tools(self) -> Sequence[Any]:
        return await self.listed("tools")

    async def list_resources(self) -> Sequence[Any]:
        return await self.listed("resources")

    async def list_resource_templates(self) -> Sequence[Any]:
        return await self.listed("resourceTemplates")

    async def list_prompts(self) -> Sequence[Any]:
        return await self.listed("prompts")

    async def listed(self, kind: Kind) -> Sequence[Any]:
        """What is provided of one kind, transforms applied."""
        lists = {
            "tools": self._list_tools,
            "resources": self._list_resources,
            "resourceTemplates": self._list_resource_templates,
            "prompts": self._list_prompts,
        }
        components = await lists[kind]()
        for transform in self.transforms:
            components = await transform.applied(kind, components)
        return components

    async def found(self, kind: Kind, key: str) -> Component | None:
        """One that is not in the list."""
        finders = {
            "tools": self._get_tool,
            "resources": self._get_resource,
            "resourceTemplates": self._get_resource_template,
            "prompts": self._get_prompt,
        }
        found: Component | None = await finders[kind](key)
        if found is not None and self.transforms:
            components: Sequence[Any] = [found]
            for transform in self.transforms:
                components = await transform.applied(kind, components)
            return next((component for component in components if component.key == key), None)
        return found

    def watched_by(self, source: ProviderSource, server: Any) -> None:
        """Called when the provider is added to a server, for one that knows of changes by itself."""

    async def start(self) -> None:
        """Get ready; called before the first request."""

    async def stop(self) -> None:
        """Let go of what is held; called when the server stops."""

    async def _list_tools(self) -> Sequence[Any]:
        return ()

    async def _list_resources(self) -> Sequence[Any]:
        return ()

    async def _list_resource_templates(self) -> Sequence[Any]:
        return ()

    async def _list_prompts(self) -> Sequence[Any]:
        return ()

    async def _get_tool(self, name: str) -> Any:
        return None

    async def _get_resource(self, uri: str) -> Any:
        return None

    async def _get_resource_template(self, uri: str) -> Any:
        return None

    async def _get_prompt(self, name: str) -> Any:
        return None


class FastMCPProvider:
    """Another server as a provider: `mcp.add_provider(FastMCPProvider(other), namespace="x")` mounts it."""

    def __init__(self, server: Any) -> None:
        self.server = server


class ProviderSource:
    """A provider among the sources of a server."""

    beats_others = False

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._lists: dict[Kind, tuple[float, Sequence[Component]]] = {}
        self._loaded: dict[Kind, float] = {}
        self._loading: dict[Kind, asyncio.Task[None]] = {}

    def __repr__(self) -> str:
        return f"<{self.provider!r}>"

    @property
    def asks_each_time(self) -> bool:
        return not self._kept

    @property
    def _kept(self) -> bool:
        """Whether the lists hold for more than one request."""
        return self.provider.cache_seconds > 0

    def known(self, kind: Kind) -> Sequence[Component] | None:
        if not self._kept:
            return ()  # each request asks for itself: see `listed` and `find`
        until, components = self._lists.get(kind, (0.0, ()))
        return components if until > time.monotonic() else None

    async def load(self, kind: Kind) -> None:
        """Ask the provider; who comes while it is asked waits for the same answer."""
        import asyncio

        loop = asyncio.get_running_loop()
        loading = self._loading.get(kind)
        if loading is None or loading.done() or loading.get_loop() is not loop:
            loading = self._loading[kind] = loop.create_task(self._load(kind))
            loading.add_done_callback(_noticed)
        await asyncio.shield(loading)

    async def _load(self, kind: Kind) -> None:
        self.has(kind, list(await self.provider.listed(kind)))

    def has(self, kind: Kind, components: Sequence[Component]) -> None:
        """The provider's list of one kind, from now on for as long as the provider says."""
        now = self._loaded[kind] = time.monotonic()
        self._lists[kind] = (now + self.provider.cache_seconds, components)

    async def refresh(self, kind: Kind) -> bool:
        """Only where the list may be old: whoever asks for unknown names does not get us to ask every time."""
        if kind not in self._lists or self._loaded[kind] + _YOUNG > time.monotonic():
            return False
        _, before = self._lists[kind]
        await self.load(kind)
        return [one.key for one in self._lists[kind][1]] != [one.key for one in before]

    def forget(self) -> None:
        """What was listed counts no more."""
        self._lists.clear()

    def hidden(self, kind: Kind) -> Collection[str]:
        return ()

    def expires(self, kind: Kind) -> float | None:
        return self._lists.get(kind, (0.0, ()))[0] if self._kept else None

    def dynamic(self, kind: Kind) -> bool:
        return not self._kept

    def varies(self, kind: Kind) -> bool:
        return not self._kept

    async def listed(self, kind: Kind, context: Context) -> Sequence[Component]:
        if not self._kept:
            return await self.provider.listed(kind)
        if self.known(kind) is None:
            await self.load(kind)
        return self.known(kind) or ()

    async def find(self, kind: Kind, key: str) -> Component | None:
        """One that the provider has without listing it, or that it would list now."""
        found = await self.provider.found(kind, key)
        if found is not None or self._kept:
            return found
        return next((component for component in await self.provider.listed(kind) if component.key == key), None)

    async def start(self) -> None:
        await self.provider.start()

    async def stop(self) -> None:
        self._lists.clear()
        await self.provider.stop()


_YOUNG = 1.0


def _noticed(loading: asyncio.Task[None]) -> None:
    """Whoever waited may have been cancelled: a failure is still nobody's surprise."""
    if not loading.cancelled():
        loading.exception()
