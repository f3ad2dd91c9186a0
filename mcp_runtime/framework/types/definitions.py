"""What a server lists: tools, resources, templates and prompts as clients see them (PROTOCOL 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from mcp_runtime.framework.types.base import Model
from mcp_runtime.framework.types.content import Annotations, Icon, ToolAnnotations

__all__ = ("Implementation", "Prompt", "PromptArgument", "Resource", "ResourceTemplate", "Root", "Tool")


def _icons(values: list[Any]) -> list[Icon]:
    return [Icon.from_wire(value) for value in values]


class Tool(Model):
    name: str
    title: str | None = None
    description: str | None = None
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None = None
    annotations: ToolAnnotations | None = None
    icons: list[Icon] | None = None
    execution: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"annotations": ToolAnnotations.from_wire, "icons": _icons}


class Resource(Model):
    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None
    annotations: Annotations | None = None
    icons: list[Icon] | None = None
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"uri": str, "annotations": Annotations.from_wire, "icons": _icons}


class ResourceTemplate(Model):
    uri_template: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    annotations: Annotations | None = None
    icons: list[Icon] | None = None
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"annotations": Annotations.from_wire, "icons": _icons}


class PromptArgument(Model):
    name: str
    title: str | None = None
    description: str | None = None
    required: bool | None = None


class Prompt(Model):
    name: str
    title: str | None = None
    description: str | None = None
    arguments: list[PromptArgument] | None = None
    icons: list[Icon] | None = None
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {
        "arguments": lambda values: [PromptArgument.from_wire(value) for value in values],
        "icons": _icons,
    }


class Implementation(Model):
    """Who the other side says it is. For display, never for decisions (PROTOCOL M-03)."""

    name: str
    version: str = ""
    title: str | None = None
    description: str | None = None
    website_url: str | None = None
    icons: list[Icon] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"icons": _icons}


class Root(Model):
    uri: str
    name: str | None = None
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"uri": str}
