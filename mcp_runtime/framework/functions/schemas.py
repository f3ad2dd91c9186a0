"""JSON Schemas as clients should see them: without generated titles, with references put in place.

Recursive definitions keep their `$ref`, and so does a schema that would grow beyond `_BUDGET` nodes when inlined
(FASTMCP 3.13 and 3.1: inlining without a bound is a way to blow a server up).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic.json_schema import GenerateJsonSchema

__all__ = ("Schema", "quiet_generator", "schema_errors", "tidy", "wrap_result")

Schema = dict[str, Any]

_BUDGET = 4_000
_PREFIX = "#/$defs/"
_NAME_MAPS = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})
_VALUES = frozenset({"default", "enum", "const", "examples", "required"})


@functools.cache
def quiet_generator() -> type[GenerateJsonSchema]:
    """Leaves out a default that JSON cannot write, without a warning: the parameter is optional all the same."""
    from pydantic.json_schema import GenerateJsonSchema

    class Quiet(GenerateJsonSchema):
        ignored_warning_kinds = {*GenerateJsonSchema.ignored_warning_kinds, "non-serializable-default"}  # noqa: RUF012

    return Quiet


@functools.cache
def schema_errors() -> tuple[type[Exception], ...]:
    """What pydantic raises for an annotation it can make nothing of."""
    from pydantic.errors import PydanticUserError
    from pydantic_core import PydanticSerializationError, SchemaError

    return (PydanticUserError, SchemaError, PydanticSerializationError, TypeError, NotImplementedError, RecursionError)


def tidy(schema: Schema) -> Schema:
    """Drop generated titles and inline what can be inlined."""
    schema = _without_titles(schema)
    definitions = schema.get("$defs")
    if not definitions:
        return schema
    inliner = _Inliner(definitions)
    body = {key: value for key, value in schema.items() if key != "$defs"}
    try:
        inlined = inliner.place(body)
    except _TooLarge:
        return schema
    kept = _closure(inliner.kept, definitions)
    if kept:
        try:
            inlined["$defs"] = {name: inliner.place(definitions[name]) for name in sorted(kept)}
        except _TooLarge:
            return schema
    return _object_at_root(inlined)


def wrap_result(schema: Schema) -> Schema:
    """An object with one member `result`, marked so that clients can unwrap it (FASTMCP T-30)."""
    inner = {key: value for key, value in schema.items() if key != "$defs"}
    wrapped: Schema = {
        "type": "object",
        "properties": {"result": inner},
        "required": ["result"],
        "x-fastmcp-wrap-result": True,
    }
    if "$defs" in schema:
        wrapped["$defs"] = schema["$defs"]
    return wrapped


class _TooLarge(Exception):
    pass


class _Inliner:
    def __init__(self, definitions: Schema) -> None:
        self.definitions = definitions
        self.recursive = _recursive(definitions)
        self.kept: set[str] = set()
        self.nodes = 0

    def place(self, node: Any) -> Any:
        self.nodes += 1
        if self.nodes > _BUDGET:
            raise _TooLarge
        if isinstance(node, list):
            return [self.place(item) for item in node]
        if not isinstance(node, dict):
            return node
        name = _referenced(node)
        if name is not None and name in self.definitions:
            if name in self.recursive:
                self.kept.add(name)
                return dict(node)
            siblings = {key: self.place(value) for key, value in node.items() if key != "$ref"}
            return {**self.place(self.definitions[name]), **siblings}
        return {key: value if key in _VALUES else self.place(value) for key, value in node.items()}


def _without_titles(node: Any, *, names: bool = False) -> Any:
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {key: _without_titles(value) for key, value in node.items()}
    return {
        key: value if key in _VALUES else _without_titles(value, names=key in _NAME_MAPS)
        for key, value in node.items()
        if key != "title" or not isinstance(value, str)
    }


def _referenced(node: Schema) -> str | None:
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith(_PREFIX):
        return reference[len(_PREFIX) :]
    return None


def _references(node: Any) -> set[str]:
    found: set[str] = set()
    pending = [node]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            name = _referenced(item)
            if name is not None:
                found.add(name)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    return found


def _closure(names: set[str], definitions: Schema) -> set[str]:
    """The recursive definitions reachable from `names`, themselves included; the others are inlined."""
    recursive = _recursive(definitions)
    reached: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name in reached or name not in definitions:
            continue
        reached.add(name)
        pending.extend(_references(definitions[name]))
    return reached & recursive


def _recursive(definitions: Schema) -> set[str]:
    edges = {name: _references(body) for name, body in definitions.items()}
    found: set[str] = set()
    for start in edges:
        seen: set[str] = set()
        pending = list(edges[start])
        while pending:
            name = pending.pop()
            if name == start:
                found.add(start)
                break
            if name not in seen:
                seen.add(name)
                pending.extend(edges.get(name, ()))
    return found


def _object_at_root(schema: Schema) -> Schema:
    """A recursive model is a bare `$ref` at the root, where clients look for `type: object`."""
    name = _referenced(schema)
    target = schema.get("$defs", {}).get(name) if name else None
    if target is not None and "type" in target and "type" not in schema:
        return {"type": target["type"], **schema}
    return schema
