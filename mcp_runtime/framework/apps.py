"""User interfaces of tools, by the extension MCP Apps (a later word; FASTMCP 2.2).

    @mcp.resource("ui://clock/view.html")
    def view() -> str:
        return "<!doctype html>…"

    @mcp.tool(app=AppConfig(resource_uri="ui://clock/view.html"))
    def now() -> str: ...

A client that shows interfaces reads the page and shows it beside the tool's result, closed in as `csp` and
`permissions` of the resource say. All of this is `_meta.ui` in what clients are told; others take no notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

__all__ = (
    "UI_EXTENSION_ID",
    "UI_MIME_TYPE",
    "AppConfig",
    "ResourceCSP",
    "ResourcePermissions",
    "app_config_to_meta_dict",
    "meta_with",
)

UI_EXTENSION_ID = "io.modelcontextprotocol/ui"
UI_MIME_TYPE = "text/html;profile=mcp-app"


class _Wire(BaseModel):
    """Written with the names of the extension; members that are newer than this are kept."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")


class ResourceCSP(_Wire):
    """Where a page may go: origins."""

    connect_domains: list[str] | None = None
    resource_domains: list[str] | None = None
    frame_domains: list[str] | None = None
    base_uri_domains: list[str] | None = None


class ResourcePermissions(_Wire):
    """What a page asks to use; `{}` asks for it."""

    camera: dict[str, Any] | None = None
    microphone: dict[str, Any] | None = None
    geolocation: dict[str, Any] | None = None
    clipboard_write: dict[str, Any] | None = None


class AppConfig(_Wire):
    """What a tool or a page says of its interface. `visibility` says for whom a tool is meant, and keeps nobody out."""

    resource_uri: str | None = None
    visibility: list[Literal["app", "model"]] | None = None
    csp: ResourceCSP | None = None
    permissions: ResourcePermissions | None = None
    domain: str | None = None
    prefers_border: bool | None = None


def app_config_to_meta_dict(app: AppConfig | Mapping[str, Any]) -> dict[str, Any]:
    """The value of `_meta.ui`."""
    return app.model_dump(by_alias=True, exclude_none=True) if isinstance(app, AppConfig) else dict(app)


def meta_with(app: Any, meta: Mapping[str, Any] | None, *, noun: str) -> Mapping[str, Any] | None:
    """A component's meta with what `app=` says. Raises TypeError, ValueError."""
    if app is None or app is False:
        return meta
    if app is True:
        raise TypeError(
            f"@mcp.{noun}(app=True) draws pages with a package that is not part of this framework: offer a page as a "
            '@mcp.resource("ui://…"), and name it: app=AppConfig(resource_uri="ui://…").'
        )
    if not isinstance(app, (AppConfig, Mapping)):
        raise TypeError(f"@mcp.{noun}(app=…) takes an AppConfig or a dictionary, not {type(app).__name__}.")
    written = app_config_to_meta_dict(app)
    if noun == "resource" and (misplaced := {"resourceUri", "visibility"} & written.keys()):
        raise ValueError(f"@mcp.resource(app=…): {min(misplaced)} is a tool's to say; the resource is the page itself.")
    return {**(meta or {}), "ui": written}
