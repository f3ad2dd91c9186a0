"""Down-shaping: a 2026-07-28 definition or result, as a client of an older revision may see it (PROTOCOL 2.13).

Definitions are plain dictionaries, shaped once when a plan is loaded. Results are the structs of `messages`,
shaped on the way out. Nothing here changes its argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from mcp_runtime.protocol.messages import (
    Annotations,
    Audio,
    Block,
    EmbeddedResource,
    PromptMessage,
    PromptResult,
    ReadResult,
    ResourceContents,
    ResourceLink,
    Result,
    Text,
    ToolResult,
)
from mcp_runtime.protocol.versions import SERVER_INFO_KEY, Revision

Definition = Mapping[str, object]
NOT_CACHED: tuple[int, Literal["private"]] = (0, "private")
"""ttlMs and cacheScope of everything: the default that can leak nothing (R-05)."""


def tool(definition: Definition, revision: Revision) -> dict[str, object]:
    shaped = _common(definition, revision)
    if not revision.annotations:
        shaped.pop("annotations", None)
    execution = shaped.pop("execution", None)
    if revision.task_support and isinstance(execution, Mapping) and "taskSupport" in execution:
        shaped["execution"] = {"taskSupport": execution["taskSupport"]}  # the rest is between us and the server
    schema = shaped.get("outputSchema")
    if not revision.structured or (not revision.any_structured and not _is_object_schema(schema)):
        shaped.pop("outputSchema", None)
    return shaped


def resource(definition: Definition, revision: Revision) -> dict[str, object]:
    """A resource or a resource template."""
    shaped = _common(definition, revision)
    annotations = shaped.get("annotations")
    if not revision.structured and isinstance(annotations, dict) and "lastModified" in annotations:
        shaped["annotations"] = {key: value for key, value in annotations.items() if key != "lastModified"}
    return shaped


def prompt(definition: Definition, revision: Revision) -> dict[str, object]:
    shaped = _common(definition, revision)
    arguments = shaped.get("arguments")
    if not revision.structured and isinstance(arguments, (list, tuple)):
        shaped["arguments"] = [_common(one, revision) for one in arguments if isinstance(one, dict)]
    return shaped


def result(value: Result, revision: Revision, *, server_info: Raw) -> Result:
    """A result as it goes out to a client of `revision`.

    2026-07-28 gets the envelope: `resultType`, who answered, and for what may be cached, that it may not (R-01, R-03,
    R-05). `value` is used up: it may be returned changed.
    """
    if not revision.modern:
        return _legacy_result(value, revision)
    value.result_type = "complete"
    value.meta = {**(value.meta or {}), SERVER_INFO_KEY: server_info}
    if isinstance(value, ReadResult):
        value.ttl_ms, value.cache_scope = NOT_CACHED
    return value


def _legacy_result(value: Result, revision: Revision) -> Result:
    meta = value.meta if revision.structured else UNSET
    if isinstance(value, ToolResult):
        return _tool_result(value, revision)
    if isinstance(value, ReadResult):
        contents = value.contents if revision.structured else [_contents(one) for one in value.contents]
        return ReadResult(contents=contents, meta=meta)
    return PromptResult(
        messages=[PromptMessage(one.role, block(one.content, revision)) for one in value.messages],
        description=value.description,
        meta=meta,
    )


def block(content: Block, revision: Revision) -> Block:
    """One piece of content; what the revision cannot carry becomes what it can."""
    if isinstance(content, ResourceLink):
        if not revision.structured:
            return Text(text=f"{content.name}: {content.uri}")
        return content if revision.icons else msgspec.structs.replace(content, icons=UNSET)
    if revision.structured:
        return content
    annotations = _annotations(content.annotations)
    if isinstance(content, Audio) and not revision.audio:
        blob = ResourceContents(uri="audio://content", mime_type=content.mime_type, blob=content.data)
        return EmbeddedResource(resource=blob, annotations=annotations)
    if isinstance(content, EmbeddedResource):
        return EmbeddedResource(resource=_contents(content.resource), annotations=annotations)
    return msgspec.structs.replace(content, annotations=annotations, meta=UNSET)


def _tool_result(value: ToolResult, revision: Revision) -> ToolResult:
    structured = value.structured_content
    content = value.content
    if structured is not UNSET and not (revision.structured and _is_object(structured)):
        if not content:
            # An older client would be left with nothing at all (T-04).
            content = [Text(text=bytes(structured).decode())]
        structured = UNSET
    return ToolResult(
        content=content if revision.icons else [block(one, revision) for one in content],
        structured_content=structured,
        is_error=value.is_error,
        meta=value.meta if revision.structured else UNSET,
    )


def _common(definition: Definition, revision: Revision) -> dict[str, object]:
    shaped = dict(definition)
    if not revision.icons:
        shaped.pop("icons", None)
    if not revision.structured:
        shaped.pop("title", None)
        shaped.pop("_meta", None)
    return shaped


def _contents(contents: ResourceContents) -> ResourceContents:
    return msgspec.structs.replace(contents, meta=UNSET)


def _annotations(annotations: Annotations | UnsetType) -> Annotations | UnsetType:
    if annotations is UNSET or annotations.last_modified is UNSET:
        return annotations
    return msgspec.structs.replace(annotations, last_modified=UNSET)


def _is_object(raw: Raw) -> bool:
    return bytes(raw).lstrip()[:1] == b"{"


def _is_object_schema(schema: object) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "object"
