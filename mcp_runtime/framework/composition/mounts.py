"""A server mounted in another: a live link (FASTMCP K-02 to K-07)."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.composition.prefixes import prefixed_name, prefixed_uri, without_prefix
from mcp_runtime.framework.composition.sources import KINDS, Kind
from mcp_runtime.framework.composition.wrapped import origin, wrapped
from mcp_runtime.framework.context import entered
from mcp_runtime.framework.failures import conceal

if TYPE_CHECKING:
    from mcp_runtime.framework.components.prompt import PromptResult
    from mcp_runtime.framework.components.tool import ToolResult
    from mcp_runtime.framework.composition.composed import Composed
    from mcp_runtime.framework.context import Context
    from mcp_runtime.framework.resource_contents import ResourceResult
    from mcp_runtime.framework.server import FastMCP

__all__ = ("Mount",)

_log = logging.getLogger(__name__)


class Mount:
    """The child's components under the parent's names; answers by way of the child, its own middleware included."""

    asks_each_time = False
    beats_others = True

    def __init__(
        self, parent: Composed, server: FastMCP, prefix: str | None, tool_names: Mapping[str, str] | None
    ) -> None:
        self.server = server
        self.prefix = prefix or None
        self.tool_names = dict(tool_names or {})
        self._form = parent.resource_prefix_format
        self._wrappers: dict[Kind, dict[int, Component]] = {kind: {} for kind in KINDS}

    def __repr__(self) -> str:
        return f"<{self.server!r} mounted as {self.prefix!r}>"

    # Components.

    def known(self, kind: Kind) -> Sequence[Component] | None:
        offer = self.server.offer_known(kind)
        return None if offer is None else self._wrap(kind, list(offer))

    async def load(self, kind: Kind) -> None:
        await self.server.offer(kind)

    async def refresh(self, kind: Kind) -> bool:
        return await self.server.refresh(kind)

    def hidden(self, kind: Kind) -> Collection[str]:
        keys = self.server.hidden(kind)
        if kind in ("tools", "prompts"):
            return [self.tool_names.get(key, prefixed_name(self.prefix, key)) for key in keys]
        return [prefixed_uri(self.prefix, key, self._form) for key in keys]

    def expires(self, kind: Kind) -> float | None:
        return self.server.offer_expires(kind)

    def dynamic(self, kind: Kind) -> bool:
        return self.server.lists_dynamically(kind)

    def varies(self, kind: Kind) -> bool:
        return self.server.lists_vary(kind)

    async def listed(self, kind: Kind, context: Context) -> Sequence[Component]:
        await self.server.start()
        with self._inside(context) as nested:
            return self._wrap(kind, await self.server.listed(kind, nested))

    async def find(self, kind: Kind, key: str) -> Component | None:
        return None  # what middleware of the child answers is found by `answers_unlisted`

    def _wrap(self, kind: Kind, components: Sequence[Component]) -> list[Component]:
        """The same wrapper for the same component, so that a list that did not change is known as such."""
        before = self._wrappers[kind]
        now: dict[int, Component] = {}
        for component in components:
            wrapper = before.get(id(component))
            if wrapper is None or origin(wrapper) is not component:
                wrapper = wrapped(component, self.prefix, form=self._form, names=self.tool_names, route=self)
            now[id(component)] = wrapper
        self._wrappers[kind] = now
        return list(now.values())

    # Answering.

    async def call(self, name: str, arguments: Mapping[str, Any], context: Context, *, strict: bool) -> ToolResult:
        await self.server.start()
        with self._inside(context) as nested:
            return await self.server.call(name, arguments, nested, strict=strict)

    async def read(self, uri: str, context: Context) -> ResourceResult:
        await self.server.start()
        with self._inside(context) as nested:
            return await self.server.read(uri, nested)

    async def render(self, name: str, arguments: Mapping[str, Any], context: Context) -> PromptResult:
        await self.server.start()
        with self._inside(context) as nested:
            return await self.server.render_prompt(name, arguments, nested)

    def inner_name(self, name: str) -> str | None:
        """What the child calls the tool or prompt `name`; None if it cannot be the child's."""
        for inner, outer in self.tool_names.items():
            if outer == name:
                return inner
        if self.prefix is None:
            return name
        return name[len(self.prefix) + 1 :] if name.startswith(f"{self.prefix}_") else None

    def inner_uri(self, uri: str) -> str | None:
        return without_prefix(self.prefix, uri, self._form)

    def answers_unlisted(self, method: str) -> bool:
        """Whether the child's middleware may answer for components that no catalogue holds."""
        return self.server.intercepts(method)

    @contextmanager
    def _inside(self, context: Context) -> Iterator[Context]:
        with entered(context.on(self.server)) as nested:
            try:
                yield nested
            except Exception as error:
                if self.server.mask_error_details:
                    conceal(error)
                raise

    # Running.

    async def start(self) -> None:
        """Start the child. One that fails is logged and left out; a call to it tries again (FASTMCP K-08)."""
        self.server.holders.add(self)
        try:
            await self.server.start()
        except Exception:  # noqa: BLE001 - its lifespan is an author's code
            _log.exception("The mounted server %r does not start; the others go on without it.", self.server.name)

    async def stop(self) -> None:
        """Let go of the child; the last parent to do so ends its lifespan."""
        holders = self.server.holders
        holders.discard(self)
        if not holders:
            await self.server.stop()
