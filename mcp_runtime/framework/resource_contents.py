"""What reading a resource gives (FASTMCP R-20 to R-24)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from mcp_runtime.framework.functions.bounds import check_texts
from mcp_runtime.framework.functions.results import as_json
from mcp_runtime.framework.types import InputRequiredResult

__all__ = ("ResourceContent", "ResourceResult", "contents_from", "usual_mime_type")


class ResourceContent:
    """One part of a resource: text or bytes."""

    def __init__(self, content: Any, mime_type: str | None = None, meta: dict[str, Any] | None = None) -> None:
        if not isinstance(content, (str, bytes)):
            content = as_json(content)
            mime_type = mime_type or "application/json"
        self.content: str | bytes = content
        self.mime_type = mime_type
        self.meta = meta

    def __repr__(self) -> str:
        return f"ResourceContent({self.content!r}, mime_type={self.mime_type!r})"

    def to_wire(self, uri: str) -> dict[str, Any]:
        """The item of `contents`."""
        item: dict[str, Any] = {"uri": uri}
        if self.mime_type is not None:
            item["mimeType"] = self.mime_type
        if isinstance(self.content, str):
            item["text"] = self.content
        else:
            item["blob"] = base64.b64encode(self.content).decode("ascii")
        if self.meta:
            item["_meta"] = self.meta
        return item


class ResourceResult(list[ResourceContent]):
    """The contents of a resource, in order; a list, with the attributes later versions gave it."""

    input_required: InputRequiredResult | None = None
    """What the resource needs to know first; then there are no contents yet (PROTOCOL MR-01)."""

    def __init__(
        self,
        contents: str | bytes | list[ResourceContent] | tuple[ResourceContent, ...] = (),
        meta: dict[str, Any] | None = None,
    ) -> None:
        super().__init__([ResourceContent(contents)] if isinstance(contents, (str, bytes)) else contents)
        self.meta = meta

    @property
    def contents(self) -> list[ResourceContent]:
        return list(self)


def usual_mime_type(uri: str, default: str) -> str:
    """What is read at `ui://…` is a page (see `apps`)."""
    return "text/html;profile=mcp-app" if uri.startswith("ui://") and default == "text/plain" else default


def contents_from(value: Any, *, mime_type: str | None, meta: Mapping[str, Any] | None = None) -> ResourceResult:
    """Convert what a resource function returned; None is no content at all (FASTMCP 0.3).

    A page says how it is to be closed in: of the resource's `meta` the contents get `ui`.

    Raises ResultTooLarge, and UnwritableResult.
    """
    result = _contents_from(value, mime_type)
    check_texts(content.content for content in result)
    if meta and "ui" in meta:
        for content in result:
            content.meta = {"ui": meta["ui"], **(content.meta or {})}
    return result


def _contents_from(value: Any, mime_type: str | None) -> ResourceResult:
    if isinstance(value, ResourceResult):
        return ResourceResult([_typed(content, mime_type) for content in value], meta=value.meta)
    if value is None:
        return ResourceResult()
    if isinstance(value, InputRequiredResult):
        asking = ResourceResult()
        asking.input_required = value
        return asking
    if isinstance(value, ResourceContent):
        return ResourceResult([_typed(value, mime_type)])
    if isinstance(value, list) and value and all(isinstance(item, ResourceContent) for item in value):
        return ResourceResult([_typed(item, mime_type) for item in value])
    if isinstance(value, (bytearray, memoryview)):
        value = bytes(value)
    return ResourceResult([ResourceContent(value, mime_type)])


def _typed(content: ResourceContent, mime_type: str | None) -> ResourceContent:
    if content.mime_type is None:
        content.mime_type = mime_type
    return content
