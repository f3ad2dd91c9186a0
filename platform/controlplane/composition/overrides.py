"""A tool as an endpoint shows it: what the server says, with what the endpoint says laid over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import msgspec

from controlplane.composition.document import Argument, ToolOverride
from controlplane.composition.errors import CompileError

HINTS = frozenset({"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"})


@dataclass(frozen=True, slots=True)
class Overridden:
    definition: dict[str, object]
    fixed: dict[str, object]
    """Arguments that every call has, with these values."""
    hidden: tuple[str, ...]
    """Arguments that clients may not send; the fixed ones are among them."""


def overridden(definition: dict[str, object], override: ToolOverride, *, where: str) -> Overridden:
    """Everything but the name, which depends on the other members. Raises CompileError. The original is not changed."""
    shown = dict(definition)
    if override.title is not None:
        shown["title"] = override.title
    if override.description is not None:
        shown["description"] = override.description
    if override.annotations is not None:
        shown["annotations"] = _annotations(definition.get("annotations"), override.annotations, where)
    if not override.arguments:
        return Overridden(shown, {}, ())
    schema: Any = definition["inputSchema"]
    shown["inputSchema"] = _schema(schema, override.arguments, f"{where}.arguments")
    fixed = {name: one.value for name, one in override.arguments.items() if one.value is not msgspec.UNSET}
    hidden = tuple(name for name, one in override.arguments.items() if one.hide or name in fixed)
    return Overridden(shown, fixed, hidden)


def _annotations(own: object, over: dict[str, bool | str], where: str) -> dict[str, object]:
    for name, value in over.items():
        expected = bool if name in HINTS else str if name == "title" else None
        if expected is None or not isinstance(value, expected):
            raise CompileError(
                f"'{name}: {value}' is no annotation of a tool.",
                hint=f"Annotations are title, a text, and {', '.join(sorted(HINTS))}, true or false.",
                where=f"{where}.annotations",
            )
    return {**(own if isinstance(own, dict) else {}), **over}


def _schema(schema: dict[str, Any], arguments: dict[str, Argument], where: str) -> dict[str, Any]:
    properties = dict(schema.get("properties") or {})
    required = list(schema.get("required") or ())
    for name, argument in arguments.items():
        here = f"{where}.{name}"
        if name not in properties:
            known = ", ".join(f"'{one}'" for one in properties) or "none"
            raise CompileError(f"The tool has no argument '{name}'.", hint=f"Its arguments are: {known}.", where=here)
        if argument.value is not msgspec.UNSET:
            _judge(argument.value, properties[name], schema, here)
        elif argument.hide and name in required:
            raise CompileError(
                f"The argument '{name}' is required, so it cannot be hidden without a value.",
                hint='Fix it: {"value": …}.',
                where=here,
            )
        if argument.hide or argument.value is not msgspec.UNSET:
            del properties[name]
            required = [one for one in required if one != name]
        elif argument.description is not None:
            own = properties[name]
            properties[name] = {**(own if isinstance(own, dict) else {}), "description": argument.description}
    changed = {**schema, "properties": properties}
    if "required" in schema:
        changed["required"] = required
    return changed


def _judge(value: object, own: Any, schema: dict[str, Any], where: str) -> None:
    """A fixed value has to be one that the tool takes; its schema may refer to definitions beside it."""
    if not isinstance(own, dict):
        return
    whole = {**own, **{key: schema[key] for key in ("$defs", "definitions", "$schema") if key in schema}}
    try:
        validator = jsonschema_rs.validator_for(whole, offline=True, pattern_options=jsonschema_rs.RegexOptions())
        error = next(iter(validator.iter_errors(value)), None)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
        return  # the schema itself is judged with the tool, and a faulty one is reported there
    if error is not None:
        raise CompileError(
            f"The value is not one that the tool takes: {error.message[:300]}.",
            hint="Give a value that fits the argument's schema.",
            where=where,
        )
