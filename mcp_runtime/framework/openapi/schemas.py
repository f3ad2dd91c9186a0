"""OpenAPI's schemas as JSON Schemas that stand by themselves: references become `$defs`, 3.0's dialect 2020-12's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from mcp_runtime.framework.functions.schemas import Schema, tidy
from mcp_runtime.framework.openapi.documents import Document, DocumentError

__all__ = ("Schemas",)

Direction = Literal["request", "response"]

_DROPPED = frozenset({"discriminator", "xml", "externalDocs", "example", "nullable", "readOnly", "writeOnly"})
_VALUES = frozenset({"default", "enum", "const", "examples", "required"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})
_DEEPEST = 100
_MOST_NODES = 20_000


class Schemas:
    """Converts the schemas of one operation in one direction; what they refer to is collected in `defs`."""

    def __init__(self, document: Document, direction: Direction) -> None:
        self._document = document
        self._left_out = "readOnly" if direction == "request" else "writeOnly"
        self._names: dict[str, str] = {}
        self._nodes = 0
        self.defs: dict[str, Schema] = {}

    def converted(self, schema: Any) -> Schema:
        """The schema, with references to `#/$defs/…`. Raises DocumentError for one beyond all measure."""
        result = self._convert(schema, 0)
        return result if isinstance(result, dict) else {}

    def whole(self, schema: Schema) -> Schema:
        """A converted schema with the definitions it needs, inlined where that is sensible."""
        return tidy({**schema, "$defs": self.defs} if self.defs else schema)

    def properties_of(self, schema: Any) -> tuple[dict[str, Schema], list[str]] | None:
        """The members and the required ones of a plain object; None for anything that is not just that."""
        properties: dict[str, Schema] = {}
        wanted: list[str] = []
        unseen: set[str] = set()
        if not self._collect(schema, properties, wanted, unseen, 0) or not properties:
            return None
        required = [name for name in dict.fromkeys(wanted) if name not in unseen]
        for name in required:
            properties.setdefault(name, {})  # wanted, and not described
        return properties, required

    def _collect(
        self, schema: Any, properties: dict[str, Schema], required: list[str], unseen: set[str], depth: int
    ) -> bool:
        """Whether it is a plain object. `unseen` are the members that only the other side writes."""
        schema = self._document.resolved(schema)
        if depth > _LONGEST_ALL_OF or not isinstance(schema, Mapping):
            return False
        if any(key in schema for key in ("oneOf", "anyOf", "not", "if")) or schema.get("type", "object") != "object":
            return False
        for part in schema.get("allOf") or ():
            if not self._collect(part, properties, required, unseen, depth + 1):
                return False
        for name, member in (schema.get("properties") or {}).items():
            if self._is_left_out(member):
                unseen.add(str(name))
            else:
                properties[str(name)] = self.converted(member)
        required += [name for name in schema.get("required") or () if isinstance(name, str)]
        return True

    def _convert(self, node: Any, depth: int) -> Any:
        self._nodes += 1
        if depth > _DEEPEST or self._nodes > _MOST_NODES:
            raise DocumentError("A schema of the document is too deep or too large to be a tool's.")
        if isinstance(node, list):
            return [self._convert(item, depth + 1) for item in node]
        if not isinstance(node, Mapping):
            return node
        reference = node.get("$ref")
        if isinstance(reference, str):
            siblings = {key: value for key, value in node.items() if key in ("description", "default", "deprecated")}
            return {"$ref": f"#/$defs/{self._define(reference, depth)}", **siblings}
        result: Schema = {}
        for key, value in node.items():
            if key in _DROPPED or str(key).startswith("x-"):
                continue
            if key in _VALUES:
                if key != "examples" or isinstance(value, list):  # one object of them is OpenAPI's, and no schema's
                    result[key] = value
            elif key in _NAMED and isinstance(value, Mapping):
                result[key] = {
                    str(name): self._convert(member, depth + 1)
                    for name, member in value.items()
                    if not self._is_left_out(member)
                }
            else:
                result[key] = self._convert(value, depth + 1)
        if "required" in result and isinstance(result["required"], list) and "properties" in result:
            result["required"] = [name for name in result["required"] if name in result["properties"]]
        return self._modern(result, node) if self._document.is_30 else result

    def _define(self, reference: str, depth: int) -> str:
        name = self._names.get(reference)
        if name is None:
            base = "".join(c if c.isalnum() or c in "_.-" else "_" for c in reference.rpartition("/")[2]) or "schema"
            name, number = base, 2
            while name in self._names.values():
                name, number = f"{base}_{number}", number + 1
            self._names[reference] = name  # before its body, which may refer to itself
            body = self._convert(self._document.target(reference), depth + 1)
            self.defs[name] = body if isinstance(body, dict) else {}
        return name

    def _is_left_out(self, member: Any) -> bool:
        return isinstance(member, Mapping) and member.get(self._left_out) is True

    @staticmethod
    def _modern(result: Schema, node: Mapping[str, Any]) -> Schema:
        """What 3.0 writes differently."""
        for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if isinstance(result.get(exclusive), bool) and result.pop(exclusive) and bound in result:
                result[exclusive] = result.pop(bound)
        if node.get("nullable") is True:
            kind = result.get("type")
            if isinstance(kind, str):
                result["type"] = [kind, "null"]
                if isinstance(result.get("enum"), list) and None not in result["enum"]:
                    result["enum"] = [*result["enum"], None]
            elif kind is None and result:
                return {"anyOf": [result, {"type": "null"}]}
        return result


_LONGEST_ALL_OF = 16
