"""Values rebuilt from an output schema: objects with attributes, dates as dates (FASTMCP T-30, CL-08)."""

from __future__ import annotations

import dataclasses
import datetime
import keyword
import re
import uuid
from collections.abc import Callable
from typing import Any

__all__ = ("Rebuilder", "compile_schema")

Schema = dict[str, Any]
Convert = Callable[[Any], Any]


class Rebuilder:
    """Turns JSON values into Python values after one schema. `kind` is the class of its objects, if it has one."""

    def __init__(self, convert: Convert, kind: type | None = None) -> None:
        self._convert = convert
        self.kind = kind

    def __call__(self, value: Any) -> Any:
        """The rebuilt value; where the value does not fit the schema, the value as it came."""
        try:
            return self._convert(value)
        except (TypeError, ValueError, KeyError, RecursionError):
            return value


def compile_schema(schema: Schema) -> Rebuilder:
    """A rebuilder for `schema`; its outermost object is called Root."""
    compiler = _Compiler(schema.get("$defs") or {})
    convert = compiler.converter(schema, "Root")
    return Rebuilder(convert, compiler.kinds.get("Root"))


class _Compiler:
    def __init__(self, definitions: Schema) -> None:
        self._definitions = definitions
        self._known: dict[str, Convert] = {}
        self.kinds: dict[str, type] = {}

    def converter(self, schema: Any, name: str) -> Convert:
        if not isinstance(schema, dict):
            return _same
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self._referenced(reference.rpartition("/")[2])
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            return self._either([option for option in options if isinstance(option, dict)], name)
        kind = schema.get("type")
        if kind == "object":
            return self._object(schema, name)
        if kind == "array":
            return self._array(schema, name)
        if kind == "string":
            return _FORMATS.get(str(schema.get("format")), _same)
        return _same

    def _referenced(self, name: str) -> Convert:
        if name not in self._definitions:
            return _same
        if name not in self._known:

            def itself(value: Any) -> Any:  # what a recursive schema meets on its way down
                return self._known[name](value)

            self._known[name] = itself
            self._known[name] = self.converter(self._definitions[name], name)
        return self._known[name]

    def _either(self, options: list[Schema], name: str) -> Convert:
        choices = [(self._resolved(option), self.converter(option, f"{name}Option")) for option in options]

        def convert(value: Any) -> Any:
            for schema, choice in choices:
                if _fits(value, schema):
                    try:
                        return choice(value)
                    except (TypeError, ValueError, KeyError):
                        continue
            return value

        return convert

    def _resolved(self, schema: Schema) -> Schema:
        reference = schema.get("$ref")
        if isinstance(reference, str):
            found = self._definitions.get(reference.rpartition("/")[2], {})
            return found if isinstance(found, dict) else {}
        return schema

    def _array(self, schema: Schema, name: str) -> Convert:
        heads = [self.converter(item, f"{name}Item") for item in schema.get("prefixItems", [])]
        each = self.converter(schema.get("items"), f"{name}Item")
        if heads:
            return lambda value: tuple(
                (heads[index] if index < len(heads) else each)(item) for index, item in enumerate(_list(value))
            )
        if schema.get("uniqueItems"):
            return lambda value: {each(item) for item in _list(value)}
        return lambda value: [each(item) for item in _list(value)]

    def _object(self, schema: Schema, name: str) -> Convert:
        properties = schema.get("properties")
        if not isinstance(properties, dict) or not properties:
            each = self.converter(schema.get("additionalProperties"), f"{name}Value")
            return lambda value: {key: each(item) for key, item in _mapping(value).items()}
        required = set(schema.get("required", []))
        converters = {key: self.converter(item, _class_name(key)) for key, item in properties.items()}
        attributes = _attributes(list(properties))
        ordered = sorted(properties, key=lambda key: key not in required)
        kind = dataclasses.make_dataclass(
            _class_name(name),
            [
                (attributes[key], Any)
                if key in required
                else (attributes[key], Any, dataclasses.field(default=_plain_default(properties[key])))
                for key in ordered
            ],
        )
        self.kinds[name] = kind

        def convert(value: Any) -> Any:
            given = _mapping(value)
            return kind(**{attributes[key]: converters[key](given[key]) for key in properties if key in given})

        return convert


def _same(value: Any) -> Any:
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not an array")
    return value


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _plain_default(schema: Any) -> Any:
    default = schema.get("default") if isinstance(schema, dict) else None
    return None if isinstance(default, (list, dict)) else default


def _class_name(name: str) -> str:
    cleaned = re.sub(r"\W", "_", name)
    return cleaned if cleaned.isidentifier() and not keyword.iskeyword(cleaned) else f"Type_{cleaned}"


def _attributes(names: list[str]) -> dict[str, str]:
    """A distinct attribute for each property, however it is spelt."""
    taken: set[str] = set()
    attributes: dict[str, str] = {}
    for name in names:
        attribute = re.sub(r"\W", "_", name)
        if not attribute.isidentifier() or keyword.iskeyword(attribute):
            attribute = f"field_{attribute}"
        while attribute in taken:
            attribute += "_"
        taken.add(attribute)
        attributes[name] = attribute
    return attributes


_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def _fits(value: Any, schema: Schema) -> bool:
    kind = schema.get("type")
    if not isinstance(kind, str):
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "object" and isinstance(value, dict):
        return set(schema.get("required", [])) <= value.keys()
    return isinstance(value, _PYTHON_TYPES.get(kind, (object,)))


_FORMATS: dict[str, Convert] = {
    "date-time": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "uuid": uuid.UUID,
}
