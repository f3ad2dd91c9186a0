"""What a tool returns, as content blocks and structured content (FASTMCP T-20 to T-31)."""

from __future__ import annotations

import base64
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any

from mcp_runtime.framework.errors import UnwritableResult
from mcp_runtime.framework.functions.bounds import check_blocks
from mcp_runtime.framework.functions.schemas import Schema, quiet_generator, schema_errors, tidy, wrap_result
from mcp_runtime.framework.media import Audio, File, Image
from mcp_runtime.framework.types import (
    BlobResourceContents,
    ContentBlock,
    EmbeddedResource,
    InputRequiredResult,
    Model,
    TextContent,
)

__all__ = ("ToolResult", "as_blocks", "as_json", "as_plain", "as_result", "output_schema_of")

Serializer = Callable[[Any], str]


class ToolResult:
    """Complete control over a tool's answer: content, structure and `_meta` (FASTMCP T-31)."""

    input_required: InputRequiredResult | None = None
    """What the tool needs to know first; then there is no answer yet (PROTOCOL MR-01)."""

    def __init__(
        self,
        content: Any = None,
        structured_content: Any = None,
        meta: dict[str, Any] | None = None,
        *,
        is_error: bool = False,
    ) -> None:
        if content is None and structured_content is None:
            raise ValueError("ToolResult needs content=, structured_content= or both.")
        if structured_content is not None:
            structured_content = as_plain(structured_content)
            if not isinstance(structured_content, dict):
                raise ValueError(
                    "structured_content must be an object with named members, not "
                    f"{type(structured_content).__name__}: put the value under a name."
                )
        if content is None:
            content = structured_content
        self.content: list[Any] = [] if content == [] else as_blocks(content)
        self.structured_content: dict[str, Any] | None = structured_content
        self.meta: dict[str, Any] | None = None if meta is None else as_plain(meta)
        self.is_error = is_error

    def __repr__(self) -> str:
        return (
            f"ToolResult(content={self.content!r}, structured_content={self.structured_content!r}, meta={self.meta!r})"
        )


def as_result(
    value: Any,
    *,
    schema: Schema | None,
    structure: bool = True,
    serializer: Serializer | None = None,
    name: str = "result",
) -> ToolResult:
    """Convert what a tool returned. `schema` is its output schema, `structure` False forbids structured content."""
    if isinstance(value, ToolResult):
        check_blocks(value.content)
        return value
    result = ToolResult.__new__(ToolResult)
    result.meta = None
    result.is_error = False
    result.structured_content = None
    if isinstance(value, InputRequiredResult):
        result.input_required = value
        result.content = []
        return result
    result.content = as_blocks(value, serializer=serializer, name=name)
    check_blocks(result.content)
    if not structure:
        return result
    if schema is not None and schema.get("x-fastmcp-wrap-result"):
        result.structured_content = {"result": as_plain(value)}
        result.meta = {"fastmcp": {"wrap_result": True}}
    elif _is_object(value):
        dumped = as_plain(value)
        if isinstance(dumped, dict):
            result.structured_content = dumped
    return result


def as_blocks(value: Any, *, serializer: Serializer | None = None, name: str = "result") -> list[Any]:
    """Content blocks for any value; a list becomes several only if one of its items is content."""
    if value is None:
        return []
    if isinstance(value, (list, tuple)) and any(isinstance(item, _CONTENT) for item in value):
        return [_block(item, serializer, name) for item in value if item is not None]
    return [_block(value, serializer, name)]


def as_plain(value: Any) -> Any:
    """`value` as JSON values: models, dataclasses, dates and the rest written the way pydantic writes them."""
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**64 else _long_integer(value)
    if isinstance(value, Model):
        return value.to_wire()
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    try:
        return to_jsonable_python(value, fallback=_fallback)
    except (PydanticSerializationError, UnicodeError, RecursionError) as error:
        raise UnwritableResult(_why_unwritable(error)) from error


def as_json(value: Any) -> str:
    """`value` as compact JSON text."""
    from pydantic_core import PydanticSerializationError, to_json

    try:
        return to_json(value, fallback=_fallback).decode("utf-8")
    except (PydanticSerializationError, UnicodeError, RecursionError) as error:
        raise UnwritableResult(_why_unwritable(error)) from error


def output_schema_of(annotation: Any) -> Schema | None:
    """The output schema of a return annotation; None where there is nothing to describe."""
    annotation = _without_questions(annotation)
    if not _describable(annotation):
        return None
    from pydantic import TypeAdapter

    try:
        schema = tidy(TypeAdapter(annotation).json_schema(mode="serialization", schema_generator=quiet_generator()))
    except schema_errors():
        return None  # a class pydantic does not know: the tool still works, without structure
    return schema if schema.get("type") == "object" else wrap_result(schema)


def _without_questions(annotation: Any) -> Any:
    """`X | InputRequiredResult` as X: a question is no answer."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        parts = tuple(part for part in typing.get_args(annotation) if part is not InputRequiredResult)
        return typing.Union[parts] if parts else None  # noqa: UP007 - there is no other way to say it of a tuple
    return annotation


def _block(value: Any, serializer: Serializer | None, name: str) -> Any:
    if isinstance(value, ContentBlock):
        return value
    if isinstance(value, (Image, Audio, File)):
        return value.to_content()
    if isinstance(value, str):
        return TextContent(text=value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        blob = base64.b64encode(value).decode("ascii")
        contents = BlobResourceContents(uri=f"resource:///{name}", mime_type="application/octet-stream", blob=blob)
        return EmbeddedResource(resource=contents)
    return TextContent(text=serializer(value) if serializer else as_json(value))


def _is_object(value: Any) -> bool:
    """Whether JSON writes it as an object with named members (FASTMCP T-25)."""
    if isinstance(value, dict):
        return True
    if isinstance(value, (*_CONTENT, str, bytes, int, float, list, tuple, type)):
        return False
    kind = type(value)
    return hasattr(kind, "__dataclass_fields__") or hasattr(kind, "__pydantic_serializer__")


def _describable(annotation: Any) -> bool:
    if annotation in (inspect.Signature.empty, None, type(None), Any, object, ...):
        return False
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _describable(typing.get_args(annotation)[0])
    if origin is typing.Union or origin is types.UnionType:
        parts = [part for part in typing.get_args(annotation) if part is not type(None)]
        return all(_describable(part) for part in parts)
    if origin in (list, tuple):
        return all(_describable(part) for part in typing.get_args(annotation) if part is not ...) or (
            typing.get_args(annotation) == (Any,)
        )
    if isinstance(annotation, type):
        return not issubclass(annotation, (*_CONTENT, ToolResult, InputRequiredResult, bytes, bytearray, memoryview))
    return True


def _long_integer(value: int) -> float | str:
    """JSON readers stop at 64 bits; the text block keeps every digit."""
    try:
        return float(value)
    except OverflowError:
        return str(value)


def _why_unwritable(error: Exception) -> str:
    text = str(error)
    for sign, why in _UNWRITABLE.items():
        if sign in text:
            return why
    return text.removeprefix("Error serializing to JSON: ").rstrip(".")


_UNWRITABLE = {
    "Circular reference": "it holds itself (Circular reference)",
    "Maximum serialization depth": "it is nested too deeply",
    "recursion": "it is nested too deeply",
    "invalid utf-8": "it holds bytes that are no text; return them alone, or as base64",
    "surrogates": "a text in it has half a character",
}


def _fallback(value: Any) -> Any:
    return value.to_wire() if isinstance(value, Model) else str(value)


_CONTENT = (*typing.get_args(ContentBlock), Image, Audio, File)
