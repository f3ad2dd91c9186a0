"""How a composed server answers: of its own components and of other servers, inside its middleware (FASTMCP 1.10).

One dispatch serves them all. A server without mounts, transforms and middleware answers from its own catalogues. Each
server's middleware runs around what it answers, so a mounted server's own runs inside its parent's. Nothing here masks
errors: `serving` does, once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.composition.offering import Offering
from mcp_runtime.framework.composition.sources import LIST_METHODS, Kind, Source
from mcp_runtime.framework.composition.views import all_listed
from mcp_runtime.framework.visibility import in_force
from mcp_runtime.protocol.errors import UnknownPrompt, UnknownResource, UnknownTool

if TYPE_CHECKING:
    from msgspec import Raw

    from mcp_runtime.framework.components.prompt import PromptResult
    from mcp_runtime.framework.components.tool import ToolResult
    from mcp_runtime.framework.composition.mounts import Mount
    from mcp_runtime.framework.context import Context
    from mcp_runtime.framework.middleware.chain import Chain
    from mcp_runtime.framework.resource_contents import ResourceResult

__all__ = ("Composed",)

_log = logging.getLogger(__name__)


class Composed(Offering):
    """The part of `FastMCP` that has components answer, wherever they come from."""

    # Lists, as one request sees them.

    async def listed(self, kind: Kind, context: Context) -> list[Any]:
        """The components of one kind as this request sees them, by way of the middleware."""
        method = LIST_METHODS[kind]
        if not self.intercepts(method):
            return await self._listed(kind, context)
        from mcp_runtime.framework.middleware import requests

        return list(await requests.listing(self.chain, method, context, lambda: self._handed_out(kind, context)))

    async def _handed_out(self, kind: Kind, context: Context) -> list[Any]:
        """The list for the middleware; copies where it may change them, for this request and no other."""
        components = await self._listed(kind, context)
        if not self.chain.reworks(LIST_METHODS[kind]):
            return components
        return [component.model_copy() for component in components]

    async def listing(self, kind: Kind, context: Context) -> Raw | list[dict[str, Any]]:
        """The same as definitions; encoded already where the list is the one that everybody sees."""
        if not self.lists_dynamically(kind):
            return (await self.offer(kind)).encoded(framework_meta=self.include_fastmcp_meta)
        components = await self.listed(kind, context)
        known = self.offer_known(kind)
        if known is not None and not in_force.get() and components == list(known):
            return known.encoded(framework_meta=self.include_fastmcp_meta)
        return [component.definition(framework_meta=self.include_fastmcp_meta) for component in components]

    def lists_dynamically(self, kind: Kind) -> bool:
        """Whether the list depends on who asks: middleware, `auth=`, a session's rules, here or in a mounted server."""
        return bool(in_force.get()) or self.intercepts(LIST_METHODS[kind]) or self._varies(kind)

    def lists_vary(self, kind: Kind) -> bool:
        """Whether the list may differ by caller. Middleware that only looks on, as loggers do, changes none."""
        if (
            self.sessions_switch
            or self._catalogues[kind].guarded
            or any(source.varies(kind) for source in self._sources)
        ):
            return True
        return self._chain is not None and self._chain.reworks(LIST_METHODS[kind])

    def _varies(self, kind: Kind) -> bool:
        known = self._varying.get(kind)
        if known is None:
            known = self._catalogues[kind].guarded or any(source.dynamic(kind) for source in self._sources)
            self._varying[kind] = known
        return known

    async def _listed(self, kind: Kind, context: Context) -> list[Any]:
        if not self._varies(kind):
            return list(await self.offer(kind))
        if not self._sources and not self._transforms:
            return list(await self._catalogues[kind].permitted(context))
        import asyncio

        lists = await asyncio.gather(*(self._listed_by(source, kind, context) for source in self._sources))
        listed: Sequence[Any] = list(self._merged(kind, lists).values())
        for transform in self._transforms:
            listed = await transform.applied(kind, listed)
        shown = [one for one in listed if self._visibility.shows(one) and await _permits(one, context)]
        return shown if not self._chooses or all_listed.get() else [one for one in shown if self._lists_component(one)]

    async def _listed_by(self, source: Source, kind: Kind, context: Context) -> Sequence[Component]:
        try:
            return await source.listed(kind, context)
        except Exception:  # noqa: BLE001 - another server may fail as it likes
            _log.exception("%r could not be listed; the others go on without it.", source)
            return ()

    @property
    def sessions_switch(self) -> bool:
        """Whether code of the server, or of one mounted in it, changes what single sessions see."""
        if self._sessions_switch is None:
            from mcp_runtime.framework.session_visibility import code_switches

            self._sessions_switch = code_switches(self) or any(  # type: ignore[arg-type]  # a FastMCP
                getattr(getattr(source, "server", None), "sessions_switch", False) for source in self._sources
            )
        return self._sessions_switch

    @sessions_switch.setter
    def sessions_switch(self, seen: bool) -> None:
        self._sessions_switch = seen

    # Middleware.

    @property
    def middleware(self) -> list[Any]:
        """The middleware, outermost first. To be changed by `add_middleware`."""
        return list(self._middleware)

    def add_middleware(self, middleware: Any) -> None:
        """Put middleware around what the server answers, inside of what was added before (FASTMCP M-13)."""
        from mcp_runtime.framework.middleware.chain import Chain, checked_middleware

        self._middleware.append(checked_middleware(middleware))
        attached = getattr(middleware, "attached", None)
        if attached is not None:
            attached(self)
        self._chain = Chain(self._middleware)
        self._everything_changed()

    def intercepts(self, method: str, kind: str = "request") -> bool:
        """Whether middleware of this server has a hook for the method."""
        return self._chain is not None and self._chain.touches(method, kind)

    @property
    def chain(self) -> Chain:
        """The middleware, ready to run; for whoever asked `intercepts` before."""
        assert self._chain is not None
        return self._chain

    # Answering.

    async def call(
        self, name: str, arguments: Mapping[str, Any], context: Context, *, strict: bool = False
    ) -> ToolResult:
        """Call a tool, by way of the middleware. Raises UnknownTool and whatever the tool raises."""
        strict = strict or self.strict_input_validation
        if not self.intercepts("tools/call"):
            return await self._call(name, arguments, context, strict)
        from mcp_runtime.framework.middleware import requests

        return await requests.calling(
            self.chain, name, arguments, context, lambda name, arguments: self._call(name, arguments, context, strict)
        )

    async def _call(self, name: str, arguments: Mapping[str, Any], context: Context, strict: bool) -> ToolResult:
        tool = await self.usable("tools", name, context)
        if tool is not None:
            result: ToolResult = await tool.call(arguments, context, strict=strict)
            return result
        for mount in self._unlisted("tools/call"):
            inner = mount.inner_name(name)
            if inner is not None:
                try:
                    return await mount.call(inner, arguments, context, strict=strict)
                except UnknownTool:
                    continue
        raise UnknownTool(name)

    async def read(self, uri: str, context: Context) -> ResourceResult:
        """Read a resource, by way of the middleware. Raises UnknownResource and whatever the resource raises."""
        if not self.intercepts("resources/read"):
            return await self._read(uri, context)
        from mcp_runtime.framework.middleware import requests

        return await requests.reading(self.chain, uri, context, lambda uri: self._read(uri, context))

    async def _read(self, uri: str, context: Context) -> ResourceResult:
        resource = await self.usable("resources", uri, context)
        if resource is not None:
            contents: ResourceResult = await resource.contents(context)
            return contents
        if not (await self.offer("resources")).holds(uri):  # a hidden one is not found under a template either
            for template in await self._candidates(uri, context):
                found = template.match(uri)
                if found is not None and (not template.auth or await _permits(template, context)):
                    if hasattr(template, "contents_at"):  # another server's, which is asked by the URI
                        return await template.contents_at(uri, found, context)  # type: ignore[no-any-return]  # so
                    return await template.contents(found, context)  # type: ignore[no-any-return]  # a template's
            for mount in self._unlisted("resources/read"):
                inner = mount.inner_uri(uri)
                if inner is not None:
                    try:
                        return await mount.read(inner, context)
                    except UnknownResource:
                        continue
        raise UnknownResource(uri)

    async def render(self, name: str, arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Render a prompt, as the result of `prompts/get`. Raises UnknownPrompt and whatever the prompt raises."""
        return (await self.render_prompt(name, arguments, context)).to_wire()

    async def render_prompt(self, name: str, arguments: Mapping[str, Any], context: Context) -> PromptResult:
        """The same as an object, by way of the middleware."""
        if not self.intercepts("prompts/get"):
            return await self._render(name, arguments, context)
        from mcp_runtime.framework.middleware import requests

        return await requests.rendering(
            self.chain, name, arguments, context, lambda name, arguments: self._render(name, arguments, context)
        )

    async def _render(self, name: str, arguments: Mapping[str, Any], context: Context) -> PromptResult:
        prompt = await self.usable("prompts", name, context)
        if prompt is not None:
            result: PromptResult = await prompt.result(arguments, context)
            return result
        for mount in self._unlisted("prompts/get"):
            inner = mount.inner_name(name)
            if inner is not None:
                try:
                    return await mount.render(inner, arguments, context)
                except UnknownPrompt:
                    continue
        raise UnknownPrompt(name)

    async def usable(self, kind: Kind, key: str, context: Context) -> Any:
        """The component, if this caller may use it; else None."""
        catalogue = self._catalogues[kind]
        if not self._sources and not self._transforms:
            return await catalogue.usable(key, context)
        offer = await self.offer(kind)
        found = offer.find(key)
        if found is None and not offer.holds(key):
            if await self.refresh(kind):
                found = (await self.offer(kind)).find(key)
            if found is None:
                found = await self._found_by_providers(kind, key)
        if found is None or (not found.auth and found.version is None):
            return found
        if found is catalogue.find(key):  # our own, as it is: perhaps another version of it
            return await catalogue.usable(key, context)
        return found if await _permits(found, context) else None

    async def _found_by_providers(self, kind: Kind, key: str) -> Component | None:
        """From a source that lists for each request anew, or has components that it does not list."""
        for source in self._sources:
            found = await source.find(kind, key)
            if found is not None and self._visibility.shows(found):
                return found
        return None

    async def _candidates(self, uri: str, context: Context) -> list[Any]:
        """The templates that may match, those that count first in front."""
        offer = await self.offer("resourceTemplates")
        near = getattr(offer, "candidates", None)  # a view's
        found = list(offer if near is None else near(uri))
        for source in self._sources:
            if source.asks_each_time:
                found += await self._listed_by(source, "resourceTemplates", context)
        return found

    def _unlisted(self, method: str) -> Iterator[Mount]:
        """Mounted servers whose middleware may answer for what no catalogue holds, the last one first."""
        from mcp_runtime.framework.composition.mounts import Mount

        for source in reversed(self._sources):
            if isinstance(source, Mount) and source.answers_unlisted(method):
                yield source

    # Running.

    async def start(self) -> None:
        """Enter the lifespan, once, and those of the mounted servers."""
        if self._lifespan is not None:
            await self._lifespan.start()
        if self._sources and not self._started:
            self._started = True
            for source in list(self._sources):
                await source.start()

    async def stop(self) -> None:
        """Leave them, in reverse."""
        self._started = False
        shared, self.shared = list(self.shared.values()), {}
        for life in reversed(shared):
            await life.stop()
        for source in reversed(self._sources):
            await source.stop()
        if self._lifespan is not None:
            await self._lifespan.stop()


async def _permits(component: Component, context: Context) -> bool:
    from mcp_runtime.framework.catalogue import permits

    return await permits(component, context)
