"""A server's own components, apart from those of mounted servers: `mcp.local_provider`. And components without a
server, for several to offer: `provider = LocalProvider()`, `@provider.tool`, `FastMCP(providers=[provider])`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.composition.providers import Provider
from mcp_runtime.framework.errors import NotFoundError

if TYPE_CHECKING:
    from mcp_runtime.framework.components.prompt import Prompt
    from mcp_runtime.framework.components.resource import Resource
    from mcp_runtime.framework.components.template import ResourceTemplate
    from mcp_runtime.framework.components.tool import Tool
    from mcp_runtime.framework.composition.providers import ProviderSource
    from mcp_runtime.framework.composition.sources import Kind
    from mcp_runtime.framework.registering import Registering

__all__ = ("LocalProvider",)

_OFFERED = frozenset(
    [
        "tool",
        "resource",
        "prompt",
        "add_tool",
        "add_resource",
        "add_template",
        "add_resource_template",
        "add_prompt",
        "enable",
        "disable",
    ]
)


class LocalProvider(Provider):
    """Has a server's decorators and `add_…` methods; its `remove_…` raise KeyError for what is not there."""

    cache_seconds = 365 * 24 * 3600.0

    def __init__(self, on_duplicate: str = "error", *, server: Registering | None = None) -> None:
        super().__init__()
        if server is None:
            from mcp_runtime.framework.server import FastMCP

            server = FastMCP("local provider", on_duplicate=on_duplicate)
        self._server = server

    def __getattr__(self, name: str) -> Any:
        if name in _OFFERED:
            return getattr(self._server, name)
        raise AttributeError(f"local_provider has no {name!r}")

    def remove_tool(self, name: str, version: str | None = None) -> None:
        self._remove("tools", name, version)

    def remove_resource(self, uri: str, version: str | None = None) -> None:
        self._remove("resources", uri, version)

    def remove_resource_template(self, uri_template: str, version: str | None = None) -> None:
        self._remove("resourceTemplates", uri_template, version)

    remove_template = remove_resource_template

    def remove_prompt(self, name: str, version: str | None = None) -> None:
        self._remove("prompts", name, version)

    def watched_by(self, source: ProviderSource, server: Any) -> None:
        """A component that is added later is offered at once."""

        def changed(kind: Kind) -> None:
            source.forget()
            server._changed(kind)

        self._server.watch(changed)

    async def _list_tools(self) -> Sequence[Tool]:
        return self._server._catalogues["tools"].offered()

    async def _list_resources(self) -> Sequence[Resource]:
        return self._server._catalogues["resources"].offered()

    async def _list_resource_templates(self) -> Sequence[ResourceTemplate]:
        return self._server._catalogues["resourceTemplates"].offered()

    async def _list_prompts(self) -> Sequence[Prompt]:
        return self._server._catalogues["prompts"].offered()

    def _remove(self, kind: Any, key: str, version: str | None) -> None:
        try:
            self._server._catalogues[kind].remove(key, version)
        except NotFoundError as error:
            raise KeyError(str(error)) from error
