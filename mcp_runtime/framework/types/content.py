"""Content blocks and what decorates them (PROTOCOL 2.10 T-06, T-07)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from mcp_runtime.framework.types.base import Model

__all__ = (
    "Annotations",
    "AudioContent",
    "BlobResourceContents",
    "ContentBlock",
    "EmbeddedResource",
    "Icon",
    "ImageContent",
    "ResourceContents",
    "ResourceLink",
    "TextContent",
    "TextResourceContents",
    "ToolAnnotations",
    "ToolResultContent",
    "ToolUseContent",
    "content_from_wire",
    "resource_contents_from_wire",
)


class Annotations(Model):
    """Hints of the author for the client; members the protocol does not name travel as extras (FASTMCP R-08)."""

    audience: list[str] | None = None
    priority: float | None = None
    last_modified: str | None = None


class ToolAnnotations(Model):
    """Untrusted hints about what a tool does (PROTOCOL T-06)."""

    title: str | None = None
    read_only_hint: bool | None = None
    destructive_hint: bool | None = None
    idempotent_hint: bool | None = None
    open_world_hint: bool | None = None


class Icon(Model):
    src: str
    mime_type: str | None = None
    sizes: list[str] | None = None
    theme: str | None = None


class ResourceContents(Model):
    """What both kinds of resource contents share."""

    uri: str
    mime_type: str | None = None
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"uri": str}


class TextResourceContents(ResourceContents):
    text: str


class BlobResourceContents(ResourceContents):
    """`blob` is base64."""

    blob: str


def resource_contents_from_wire(value: Any) -> ResourceContents:
    """The fitting class for a `contents` item."""
    if isinstance(value, ResourceContents):
        return value
    if "blob" in value:
        return BlobResourceContents(**value)
    return TextResourceContents(**value)


class _Block(Model):
    _nested: ClassVar[Mapping[str, Any]] = {"annotations": Annotations.from_wire}


class TextContent(_Block):
    type: str = "text"
    text: str
    annotations: Annotations | None = None
    meta: dict[str, Any] | None = None


class ImageContent(_Block):
    """`data` is base64."""

    type: str = "image"
    data: str
    mime_type: str
    annotations: Annotations | None = None
    meta: dict[str, Any] | None = None


class AudioContent(_Block):
    """`data` is base64."""

    type: str = "audio"
    data: str
    mime_type: str
    annotations: Annotations | None = None
    meta: dict[str, Any] | None = None


class ResourceLink(_Block):
    type: str = "resource_link"
    name: str
    uri: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None
    icons: list[Icon] | None = None
    annotations: Annotations | None = None
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"uri": str, "annotations": Annotations.from_wire}


class EmbeddedResource(_Block):
    type: str = "resource"
    resource: ResourceContents
    annotations: Annotations | None = None
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {
        "resource": resource_contents_from_wire,
        "annotations": Annotations.from_wire,
    }


class ToolUseContent(Model):
    """A model's wish to call a tool, in a sampling message (PROTOCOL SA-02)."""

    type: str = "tool_use"
    id: str
    name: str
    input: dict[str, Any]
    meta: dict[str, Any] | None = None


class ToolResultContent(Model):
    """The answer to a tool_use block, in a sampling message (PROTOCOL SA-02)."""

    type: str = "tool_result"
    tool_use_id: str
    content: list[Any]
    structured_content: Any = None
    is_error: bool | None = None
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"content": lambda values: [content_from_wire(value) for value in values]}


ContentBlock = TextContent | ImageContent | AudioContent | ResourceLink | EmbeddedResource

_BLOCKS: dict[str, type[Model]] = {
    "text": TextContent,
    "image": ImageContent,
    "audio": AudioContent,
    "resource_link": ResourceLink,
    "resource": EmbeddedResource,
    "tool_use": ToolUseContent,
    "tool_result": ToolResultContent,
}


def content_from_wire(value: Any) -> Any:
    """The fitting block class for a content object; an unknown kind stays a dictionary, as it came."""
    if isinstance(value, Model):
        return value
    block = _BLOCKS.get(value.get("type", ""))
    return value if block is None else block(**value)
