"""Forms: what a response type asks a person for, and the way back from what was filled in (PROTOCOL EL-01).

A form is a flat object of texts, numbers, booleans and choices. A single value is asked for as `value`.
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from mcp_runtime.framework.errors import ValidationError
from mcp_runtime.framework.functions.schemas import Schema, tidy
from mcp_runtime.framework.functions.typed_dicts import readable

__all__ = ("Form",)

_SCALARS = ("string", "integer", "number", "boolean")
_FORMATS = ("email", "uri", "date", "date-time")
_KEPT = frozenset(
    (
        "type", "title", "description", "default", "enum", "enumNames", "oneOf", "minLength", "maxLength", "format",
        "minimum", "maximum", "items", "minItems", "maxItems",
    )
)  # fmt: skip


class Form:
    """`schema` is what the client shows, `read` turns its content into a value of the type.

    The type is one of: `str`, `int`, `float`, `bool`, a Literal, an Enum, a list of choices (`["low", "high"]`, or
    `{"low": {"title": "Low"}}` with titles; either inside a list lets several be chosen), a flat model, dataclass or
    TypedDict, or None for a mere yes or no. Raises TypeError for what no form can hold.
    """

    def __init__(self, response_type: Any, *, title: str | None = None, description: str | None = None) -> None:
        self._read: Callable[[Any], Any]
        if response_type is None or response_type is type(None):
            self.schema: Schema = {"type": "object", "properties": {}}
            self._read = lambda content: {}
            return
        if isinstance(response_type, (list, tuple, dict)):
            field, kind = _choice(response_type)
            self._wrap(field, _reader(kind), title, description)
            return
        response_type = readable(response_type)
        from pydantic import TypeAdapter

        adapter: TypeAdapter[Any] = TypeAdapter(response_type)
        schema = tidy(adapter.json_schema())
        if _is_single(response_type):
            self._wrap(_field("value", schema), adapter.validate_python, title, description)
            return
        if schema.get("type") != "object" or "properties" not in schema:
            raise TypeError("A question asks for a simple value or for a flat model or dataclass.")
        self.schema = {
            "type": "object",
            "properties": {name: _field(name, field) for name, field in schema["properties"].items()},
        }
        if schema.get("required"):
            self.schema["required"] = schema["required"]
        self._read = adapter.validate_python

    def read(self, content: Any) -> Any:
        """The value in an answer's content. Raises ValidationError where it does not fit the form."""
        from pydantic import ValidationError as PydanticError

        if content is None:
            content = {}
        if not isinstance(content, dict):
            raise ValidationError(f"The client's answer is {type(content).__name__}, not an object of fields.")
        try:
            return self._read(content)
        except PydanticError as error:
            faults = "; ".join(
                f"{'.'.join(str(part) for part in fault['loc']) or 'value'}: {fault['msg']}"
                for fault in error.errors(include_url=False, include_context=False, include_input=False)
            )
            raise ValidationError(f"The client's answer does not fit the question: {faults}.") from error

    def _wrap(self, field: Schema, read: Callable[[Any], Any], title: str | None, description: str | None) -> None:
        if title is not None:
            field["title"] = title
        if description is not None:
            field["description"] = description
        self.schema = {"type": "object", "properties": {"value": field}, "required": ["value"]}

        def unwrap(content: dict[str, Any]) -> Any:
            if "value" not in content:
                raise ValidationError("The client accepted the question without giving a value.")
            return read(content["value"])

        self._read = unwrap


def _choice(options: Any) -> tuple[Schema, Any]:
    """The field for a list of choices, and the type of its value."""
    if isinstance(options, (list, tuple)) and len(options) == 1 and isinstance(options[0], (list, tuple, dict)):
        field, kind = _choice(options[0])
        items = {"anyOf": field["oneOf"]} if "oneOf" in field else field
        return {"type": "array", "items": items}, types.GenericAlias(list, (kind,))
    if isinstance(options, dict):
        titles = {_text(option): _title(option, details) for option, details in options.items()}
        if not titles:
            raise TypeError("A choice needs at least one option.")
        field = {"type": "string", "oneOf": [{"const": key, "title": title} for key, title in titles.items()]}
        return field, Literal[tuple(titles)]
    texts = [_text(option) for option in typing.cast(Sequence[Any], options)]
    if not texts:
        raise TypeError("A choice needs at least one option.")
    return {"type": "string", "enum": texts}, Literal[tuple(texts)]


def _text(option: Any) -> str:
    if not isinstance(option, str):
        raise TypeError("A choice is a list of texts, as in response_type=['low', 'high'].")
    return option


def _title(option: str, details: Any) -> str:
    if isinstance(details, str):
        return details
    if isinstance(details, Mapping) and isinstance(details.get("title", option), str):
        return str(details.get("title", option))
    raise TypeError("A choice with titles is written {'low': {'title': 'Low priority'}}.")


def _reader(kind: Any) -> Callable[[Any], Any]:
    from pydantic import TypeAdapter

    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    return adapter.validate_python


def _is_single(kind: Any) -> bool:
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return _is_single(typing.get_args(kind)[0])
    if origin in (Literal, list, set):
        return True
    return (isinstance(kind, type) and not hasattr(kind, "__annotations__")) or _is_enum(kind)


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def _field(name: str, schema: Schema) -> Schema:
    """A property as forms know it: without null, without constraints they lack. Raises TypeError."""
    schema = _without_null(schema)
    if "const" in schema:
        schema = {**schema, "enum": [schema["const"]]}
    field = {key: value for key, value in schema.items() if key in _KEPT}
    if field.get("format") not in _FORMATS:
        field.pop("format", None)
    if field.get("default", ...) is None:
        del field["default"]
    if field.get("type") == "array":
        items = schema.get("items", {})
        if items.get("type") == "string" or "enum" in items:
            return field
    elif field.get("type") in _SCALARS or "enum" in field:
        return field
    raise TypeError(f"The field {name!r} is not simple: a question holds texts, numbers, booleans and choices.")


def _without_null(schema: Schema) -> Schema:
    options = schema.get("anyOf")
    if not isinstance(options, list):
        return schema
    left = [option for option in options if option.get("type") != "null"]
    if len(left) != 1:
        return schema
    return {**left[0], **{key: value for key, value in schema.items() if key != "anyOf"}}
