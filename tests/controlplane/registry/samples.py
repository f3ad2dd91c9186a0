"""Arguments made up for a tool's schema."""

from __future__ import annotations

from typing import Any

_TEXTS = {
    "date": "2026-01-02",
    "date-time": "2026-01-02T03:04:05Z",
    "email": "ada@example.com",
    "uri": "https://example.com/a",
    "url": "https://example.com/a",
    "uuid": "6ec0bd7f-11c0-43da-975e-2a8ad9ebae0b",
    "ipv4": "192.0.2.1",
    "hostname": "example.com",
}
_DEEPEST = 6


def sample(schema: Any, root: dict[str, Any] | None = None, depth: int = 0, *, optional: bool = True) -> Any:
    """A value that fits, as far as one can be made without trying. With `optional`, all members."""
    root = root if root is not None else schema
    if not isinstance(schema, dict):
        return "x"
    if "$ref" in schema:
        return sample(_target(root, schema["$ref"]), root, depth + 1, optional=optional)
    for key in ("const", "default"):
        if schema.get(key) is not None:
            return schema[key]
    if schema.get("enum"):
        return next(value for value in schema["enum"] if value is not None)
    for key in ("oneOf", "anyOf"):
        if schema.get(key):
            base = {name: value for name, value in schema.items() if name != key}
            chosen = next((one for one in schema[key] if one.get("type") != "null"), schema[key][0])
            value = sample(chosen, root, depth + 1, optional=optional)
            more = sample(base, root, depth + 1, optional=optional) if base.get("properties") else {}
            return {**more, **value} if isinstance(value, dict) else value
    if schema.get("allOf"):
        whole: Any = {}
        base = {name: value for name, value in schema.items() if name != "allOf"}
        for part in [*schema["allOf"], *([base] if base.get("properties") else [])]:
            value = sample(part, root, depth + 1, optional=optional)
            whole = {**whole, **value} if isinstance(value, dict) and isinstance(whole, dict) else value
        return whole
    return _of_type(schema, root, depth, optional)


def _of_type(schema: dict[str, Any], root: dict[str, Any], depth: int, optional: bool) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    match kind:
        case "integer" | "number":
            low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
            step = schema.get("multipleOf", 1)
            return min(max(low, step), schema.get("maximum", max(low, step)))
        case "boolean":
            return True
        case "null":
            return None
        case "array":
            count = max(schema.get("minItems", 1), 0 if depth > _DEEPEST else 1)
            items = [sample(schema.get("items", {}), root, depth + 1, optional=optional) for _ in range(count)]
            return [] if depth > _DEEPEST and not schema.get("minItems") else items
        case "string":
            return _text(schema)
    if kind == "object" or "properties" in schema:
        wanted = schema.get("required", ())
        return {
            name: sample(one, root, depth + 1, optional=optional)
            for name, one in (schema.get("properties") or {}).items()
            if name in wanted or (optional and depth < 2)
        }
    return "x"


def _text(schema: dict[str, Any]) -> str:
    if schema.get("contentEncoding") == "base64":
        return "AAEC"
    text = _TEXTS.get(schema.get("format", ""), "a b/c"[: schema.get("maxLength", 5)])
    if "pattern" in schema:
        text = next((one for one in ("abc", "a", "1", "a/b", "+441234567890", "12345678") if _fits(schema, one)), text)
    return text.ljust(schema.get("minLength", 0), "x")


def _fits(schema: dict[str, Any], text: str) -> bool:
    import jsonschema_rs

    return jsonschema_rs.is_valid(schema, text)


def _target(root: dict[str, Any], reference: str) -> Any:
    node: Any = root
    for part in reference[2:].split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node
