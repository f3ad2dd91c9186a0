"""`ctx.elicit`: ask the person at the client (FASTMCP C-09, PROTOCOL EL-01)."""

from __future__ import annotations

import enum
import typing
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from mcp_runtime.framework.errors import ValidationError
from mcp_runtime.framework.exchange import Exchange, ask
from mcp_runtime.framework.functions.schemas import Schema, tidy

__all__ = ("AcceptedElicitation", "CancelledElicitation", "DeclinedElicitation", "ElicitationResult", "elicit")

_SCALARS = (str, int, float, bool)


class _Answer:
    action: ClassVar[str]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in vars(self).items())})"


class AcceptedElicitation(_Answer):
    """The person answered; `.data` is of the type asked for."""

    action: ClassVar[str] = "accept"
    __match_args__ = ("data",)

    def __init__(self, data: Any) -> None:
        self.data = data


class DeclinedElicitation(_Answer):
    """The person said no."""

    action: ClassVar[str] = "decline"


class CancelledElicitation(_Answer):
    """The person closed the question without an answer."""

    action: ClassVar[str] = "cancel"


ElicitationResult = AcceptedElicitation | DeclinedElicitation | CancelledElicitation


async def elicit(exchange: Exchange, message: str, response_type: Any) -> ElicitationResult:
    """Ask. Raises CannotAsk.

    Raises TypeError for a type that no form can hold, ValidationError for an answer that does not fit.
    """
    form = _Form(response_type)
    answer = await ask(
        exchange, "elicitation/create", {"mode": "form", "message": message, "requestedSchema": form.schema}
    )
    action = answer.get("action")
    if action == "decline":
        return DeclinedElicitation()
    if action == "cancel":
        return CancelledElicitation()
    if action != "accept":
        raise ValidationError(f"The client answered the question with an unknown action, {action!r}.")
    return AcceptedElicitation(form.read(answer.get("content") or {}))


class _Form:
    """A flat form for a type, and the way back from its content. A single value is asked for as `value`."""

    def __init__(self, response_type: Any) -> None:
        if isinstance(response_type, (list, tuple)):  # a choice, as in response_type=["low", "high"]
            response_type = Literal[tuple(_texts(response_type))]
        self.empty = response_type is None or response_type is type(None)
        self.wrapped = not self.empty and _is_single(response_type)
        self.type = response_type
        if self.empty:
            self.schema: Schema = {"type": "object", "properties": {}}
            return
        from pydantic import TypeAdapter

        self._adapter: TypeAdapter[Any] = TypeAdapter(response_type)
        schema = tidy(self._adapter.json_schema())
        if self.wrapped:
            schema = {"type": "object", "properties": {"value": schema}, "required": ["value"]}
        self.schema = _checked_form(schema)

    def read(self, content: dict[str, Any]) -> Any:
        if self.empty:
            return {}
        from pydantic import ValidationError as PydanticError

        if self.wrapped and "value" not in content:
            raise ValidationError("The client accepted the question without giving a value.")
        try:
            return self._adapter.validate_python(content["value"] if self.wrapped else content)
        except PydanticError as error:
            raise ValidationError(f"The client's answer does not fit the question: {error}") from error


def _texts(options: Sequence[Any]) -> list[str]:
    if not options or not all(isinstance(option, str) for option in options):
        raise TypeError("A choice is a list of texts, as in response_type=['low', 'high'].")
    return list(options)


def _is_single(kind: Any) -> bool:
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return _is_single(typing.get_args(kind)[0])
    if origin in (Literal, list):
        return True
    return isinstance(kind, type) and (kind in _SCALARS or issubclass(kind, enum.Enum))


def _checked_form(schema: Schema) -> Schema:
    """Raises TypeError unless the schema is a flat object of simple fields (PROTOCOL EL-01)."""
    if schema.get("type") != "object":
        raise TypeError("A question asks for a simple value or for a flat model or dataclass.")
    for name, field in schema.get("properties", {}).items():
        items = field.get("items", {})
        simple = field.get("type") in ("string", "integer", "number", "boolean") or "enum" in field or "const" in field
        choices = field.get("type") == "array" and (items.get("type") == "string" or "enum" in items)
        if not simple and not choices:
            raise TypeError(f"The field {name!r} is not simple: a question holds texts, numbers, booleans and choices.")
    return {key: value for key, value in schema.items() if key != "description"}
