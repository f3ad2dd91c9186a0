"""Providers that know their components without asking anybody: of this process, or of a folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.composition.providers import Provider, ProviderSource
from mcp_runtime.framework.composition.sources import KINDS, Kind

__all__ = ("AggregateProvider", "KnownProvider", "by_kind")

_FOR_EVER = 365 * 24 * 3600.0
_KINDS: dict[str, Kind] = {
    "tool": "tools",
    "resource": "resources",
    "resource template": "resourceTemplates",
    "prompt": "prompts",
}


class KnownProvider(Provider):
    """A subclass says what its `components()` are: once, or with `reload` for every request."""

    def __init__(self, *, reload: bool = False) -> None:
        super().__init__()
        self.cache_seconds = 0.0 if reload else _FOR_EVER

    def components(self) -> dict[Kind, list[Component]]:
        raise NotImplementedError

    def watched_by(self, source: ProviderSource, server: Any) -> None:
        if self.cache_seconds and not self.transforms:  # then nothing has to be waited for
            found = self.components()
            for kind in KINDS:
                source.has(kind, found[kind])

    async def _list_tools(self) -> Sequence[Any]:
        return self.components()["tools"]

    async def _list_resources(self) -> Sequence[Any]:
        return self.components()["resources"]

    async def _list_resource_templates(self) -> Sequence[Any]:
        return self.components()["resourceTemplates"]

    async def _list_prompts(self) -> Sequence[Any]:
        return self.components()["prompts"]


class AggregateProvider(Provider):
    """Several providers as one; of components with the same name the first provider's counts."""

    def __init__(self, providers: Iterable[Provider] = ()) -> None:
        super().__init__()
        self.providers = list(providers)

    def add_provider(self, provider: Provider) -> None:
        self.providers.append(provider)

    async def start(self) -> None:
        for provider in self.providers:
            await provider.start()

    async def stop(self) -> None:
        for provider in reversed(self.providers):
            await provider.stop()

    async def _list_tools(self) -> Sequence[Any]:
        return await self._all("tools")

    async def _list_resources(self) -> Sequence[Any]:
        return await self._all("resources")

    async def _list_resource_templates(self) -> Sequence[Any]:
        return await self._all("resourceTemplates")

    async def _list_prompts(self) -> Sequence[Any]:
        return await self._all("prompts")

    async def _all(self, kind: Kind) -> Sequence[Any]:
        found: dict[tuple[str, str | None], Component] = {}
        for provider in self.providers:
            for component in await provider.listed(kind):
                found.setdefault((component.key, component.version), component)
        return list(found.values())


def by_kind(components: Iterable[Component]) -> dict[Kind, list[Component]]:
    found: dict[Kind, list[Component]] = {kind: [] for kind in KINDS}
    for component in components:
        found[_KINDS[component.noun]].append(component)
    return found
