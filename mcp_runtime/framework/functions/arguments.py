"""A function's arguments: their JSON Schema, and turning what a client sent into what the function takes.

Pydantic is imported when a schema or a validator is first needed, never when a component is registered: a worker
that wakes for one call pays for one tool.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from mcp_runtime.framework.errors import InvalidSignature, ValidationError
from mcp_runtime.framework.functions.docstrings import parameter_descriptions
from mcp_runtime.framework.functions.schemas import Schema, quiet_generator, schema_errors, tidy
from mcp_runtime.framework.functions.signature import Signature, callable_name

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic import ValidationError as PydanticError
    from pydantic_core import ErrorDetails

__all__ = ("ArgumentError", "Arguments")


class ArgumentError(ValidationError):
    """The arguments do not fit. `masked` says where, without what a custom validator said (FASTMCP S-04)."""

    def __init__(self, message: str, *, masked: str) -> None:
        super().__init__(message)
        self.masked = masked


class Arguments:
    """Validates the visible parameters of one function."""

    def __init__(self, signature: Signature, *, document: str | None = None) -> None:
        self._signature = signature
        self._document = document

    @functools.cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        from pydantic import TypeAdapter
        from pydantic_core import SchemaError

        try:
            try:
                return TypeAdapter(cast(Any, _collector(self._signature, self._name)))
            except SchemaError:  # `b: int = Field(...)` may stand behind a default: to Python it is one itself
                return TypeAdapter(cast(Any, _collector(self._signature, self._name, by_name=True)))
        except schema_errors() as error:
            raise self._indescribable(error) from error

    @functools.cached_property
    def schema(self) -> Schema:
        """The JSON Schema of the arguments, an object that takes nothing else. Raises InvalidSignature."""
        adapter = self._adapter
        try:
            schema = tidy(adapter.json_schema(schema_generator=quiet_generator()))
        except schema_errors() as error:
            raise self._indescribable(error) from error
        properties = schema.setdefault("properties", {})
        for name, text in parameter_descriptions(self._document).items():
            if name in properties and "description" not in properties[name]:
                properties[name]["description"] = text
        return {"type": "object", **{key: value for key, value in schema.items() if key != "type"}}

    @property
    def _name(self) -> str:
        return callable_name(self._signature.function) or self._signature.noun

    def _indescribable(self, error: Exception) -> InvalidSignature:
        why = (getattr(error, "message", None) or str(error)).rpartition("SchemaError: ")[2]
        return InvalidSignature(
            f"The {self._signature.noun} {self._name!r} has a parameter that JSON cannot describe: {why}"
        )

    def validate(
        self, values: Mapping[str, Any], *, strict: bool = False, decode_texts: bool = False
    ) -> dict[str, Any]:
        """The function's keyword arguments, defaults included.

        Raises ArgumentError. `strict` takes JSON types as they are: no `"10"` for 10 (FASTMCP S-03). `decode_texts`
        reads texts that do not fit as JSON, and tries those once: some models write lists and objects that way.
        """
        if not self._signature.parameters and not values:
            return {}
        from pydantic import ValidationError as PydanticError

        try:
            return self._collect(values, strict)
        except PydanticError as error:
            decoded = _decoded(values, error) if decode_texts else None
            if decoded is not None:
                try:
                    return self._collect(decoded, strict)
                except PydanticError:
                    pass  # what was sent is what the error is about
            raise _argument_error(error, strict=strict) from error

    def _collect(self, values: Mapping[str, Any], strict: bool) -> dict[str, Any]:
        if strict:
            import json

            collected = self._adapter.validate_json(json.dumps(values), strict=True)
        else:
            collected = self._adapter.validate_python(dict(values))
        return collected  # type: ignore[no-any-return]  # what the collector returns


def _decoded(values: Mapping[str, Any], error: PydanticError) -> dict[str, Any] | None:
    """The arguments with the texts that did not fit read as JSON; None where there is no such text."""
    import json

    decoded = dict(values)
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        name = detail["loc"][0] if detail["loc"] else None
        text = values.get(name) if isinstance(name, str) else None
        if isinstance(name, str) and isinstance(text, str):
            try:
                decoded[name] = json.loads(text)
            except (ValueError, RecursionError):
                continue
    return decoded if decoded != values else None


def _collector(signature: Signature, name: str, *, by_name: bool = False) -> Callable[..., dict[str, Any]]:
    """A function with the visible parameters, for pydantic to call; it hands back what it was called with."""

    def collect(**values: Any) -> dict[str, Any]:
        return values

    import inspect

    function = signature.function
    collect.__name__ = collect.__qualname__ = name
    collect.__module__ = getattr(function, "__module__", None) or __name__
    parameters = list(signature.parameters)
    if by_name:
        parameters = [parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in parameters]
    collect.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    collect.__annotations__ = {parameter.name: parameter.annotation for parameter in signature.parameters}
    return collect


def _argument_error(error: PydanticError, *, strict: bool) -> ArgumentError:
    masked = "; ".join(_masked(detail) for detail in error.errors(include_url=False, include_context=False))
    if strict:
        return ArgumentError(f"Input validation error: {_schema_wording(error.errors()[0])}", masked=masked)
    return ArgumentError(str(error), masked=masked)


def _masked(detail: ErrorDetails) -> str:
    place = ".".join(str(part) for part in detail["loc"])
    own_words = detail["type"] in ("value_error", "assertion_error")
    return f"{place}: {'is not valid' if own_words else detail['msg']}"


_JSON_TYPES = {
    "int_type": "integer",
    "float_type": "number",
    "bool_type": "boolean",
    "string_type": "string",
    "list_type": "array",
    "set_type": "array",
    "tuple_type": "array",
    "dict_type": "object",
    "model_type": "object",
    "dataclass_type": "object",
    "none_required": "null",
}


def _schema_wording(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind in _JSON_TYPES:
        return f"{detail['input']!r} is not of type {_JSON_TYPES[kind]!r}"
    if kind.startswith("missing"):
        return f"{detail['loc'][-1]!r} is a required property"
    if kind == "unexpected_keyword_argument":
        return f"Additional properties are not allowed ({detail['loc'][-1]!r} was unexpected)"
    place = ".".join(str(part) for part in detail["loc"])
    return f"{place}: {detail['msg']}"
