"""`mcp.local_provider`: a server's own components, apart from those of mounted servers (a later spelling)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.errors import NotFoundError

if TYPE_CHECKING:
    from mcp_runtime.framework.components.prompt import Prompt
    from mcp_runtime.framework.components.resource import Resource
    from mcp_runtime.framework.components.template import ResourceTemplate
    from mcp_runtime.framework.components.tool import Tool
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


class LocalProvider:
    """Has the server's decorators and `add_…` methods; its `remove_…` raise KeyError for what is not there."""

    def __init__(self, server: Registering) -> None:
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

    async def list_tools(self) -> list[Tool]:
        return list(self._server._catalogues["tools"])

    async def list_resources(self) -> list[Resource]:
        return list(self._server._catalogues["resources"])

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        return list(self._server._catalogues["resourceTemplates"])

    async def list_prompts(self) -> list[Prompt]:
        return list(self._server._catalogues["prompts"])

    def _remove(self, kind: Any, key: str, version: str | None) -> None:
        try:
            self._server._catalogues[kind].remove(key, version)
        except NotFoundError as error:
            raise KeyError(str(error)) from error
