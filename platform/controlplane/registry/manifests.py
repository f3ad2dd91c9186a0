"""Judge what a server says it offers. It comes out of tenant code, so nothing in it is believed.

A manifest that passes can be stored as JSONB, compiled into a plan and served without a further look at its form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import jsonschema_rs
import msgspec

from controlplane.registry.errors import ManifestError
from mcp_runtime.ports.workers import Manifest

MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_COMPONENTS = 2_000
MAX_NAME_CHARACTERS = 256
MAX_URI_CHARACTERS = 2_048
MAX_SCHEMA_BYTES = 256 * 1024
MAX_DEPTH = 64

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check(manifest: Manifest) -> dict[str, object]:
    """The manifest as plain JSON values. Raises ManifestError naming the component at fault."""
    encoded = msgspec.json.encode(manifest)
    if len(encoded) > MAX_MANIFEST_BYTES:
        raise ManifestError(
            f"Its definitions take {len(encoded) // 1024} kB; at most {MAX_MANIFEST_BYTES // 1024} are served.",
            code="manifest_too_large",
            hint="Shorten descriptions and schemas, or split the server.",
        )
    if b"\\u0000" in encoded:
        raise ManifestError(
            "A name, description or schema of the server holds a NUL character.",
            code="nul_character",
            hint="Remove '\\x00' from the strings of your components.",
        )
    _check_text("The server's name", manifest.name, MAX_NAME_CHARACTERS)
    _check_components("tool", manifest.tools, "name", _check_tool)
    _check_components("resource", manifest.resources, "uri", _check_resource)
    _check_components("resource template", manifest.resource_templates, "uriTemplate", _check_resource)
    _check_components("prompt", manifest.prompts, "name", None)
    document: dict[str, object] = msgspec.json.decode(encoded)
    return document


def _check_components(
    kind: str,
    components: list[dict[str, object]],
    key: str,
    check_one: Callable[[dict[str, object]], None] | None,
) -> None:
    if len(components) > MAX_COMPONENTS:
        raise ManifestError(
            f"The server offers {len(components)} {kind}s; at most {MAX_COMPONENTS} are served.",
            code="too_many_components",
            hint="Split the server.",
        )
    seen: set[str] = set()
    for component in components:
        identity = component.get(key)
        if not isinstance(identity, str):
            raise ManifestError(
                f"A {kind} has no {key}.",
                hint=f"Give every {kind} a {key} of type string.",
            )
        _check_text(
            f"The {key} of a {kind}",
            identity,
            MAX_URI_CHARACTERS if "uri" in key else MAX_NAME_CHARACTERS,
        )
        if identity in seen:
            raise ManifestError(
                f"Two {kind}s are called '{identity}'.",
                code="duplicate_component",
                hint=f"Rename one of them, or remove the {kind} that is registered twice.",
            )
        seen.add(identity)
        if _depth(component) > MAX_DEPTH:
            raise ManifestError(
                f"The definition of {kind} '{identity}' is nested deeper than {MAX_DEPTH} levels.",
                code="definition_too_deep",
                hint="Flatten its schema; use $defs for repeated parts.",
            )
        if check_one is not None:
            check_one(component)


def _check_tool(tool: dict[str, object]) -> None:
    for key in ("inputSchema", "outputSchema"):
        schema = tool.get(key)
        if schema is None and key == "outputSchema":
            continue
        if not isinstance(schema, dict):
            raise ManifestError(
                f"Tool '{tool['name']}' has no {key} object.",
                code="bad_schema",
                hint="A schema is a JSON object.",
            )
        if key == "inputSchema" and schema.get("type") != "object":
            raise ManifestError(
                f"The inputSchema of tool '{tool['name']}' is not of type object.",
                code="bad_schema",
                hint="Tools take named arguments: the schema says 'type': 'object'.",
            )
        _check_schema(f"{key} of tool '{tool['name']}'", schema)


def _check_schema(what: str, schema: dict[str, object]) -> None:
    if len(msgspec.json.encode(schema)) > MAX_SCHEMA_BYTES:
        raise ManifestError(
            f"The {what} is larger than {MAX_SCHEMA_BYTES // 1024} kB.",
            code="schema_too_large",
            hint="Use $defs for repeated parts.",
        )
    try:
        # `regex` matches in linear time: a tenant's pattern cannot stall a gateway.
        jsonschema_rs.validator_for(schema, retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions())
    except (
        jsonschema_rs.ValidationError,
        jsonschema_rs.ReferencingError,
        ValueError,
    ) as error:
        raise ManifestError(
            f"The {what} is not a usable JSON Schema: {str(error).splitlines()[0][:300]}",
            code="bad_schema",
            hint="Use JSON Schema 2020-12. References must stay inside the schema: nothing is fetched.",
        ) from error


def _refuse(uri: str) -> Any:
    raise ValueError(f"'{uri[:200]}' would have to be fetched, and schemas fetch nothing")


def _check_resource(resource: dict[str, object]) -> None:
    name = resource.get("name")
    if name is not None:
        _check_text("A resource's name", name, MAX_NAME_CHARACTERS)


def _check_text(what: str, value: object, limit: int) -> None:
    if not isinstance(value, str) or not value or len(value) > limit or _CONTROL.search(value):
        shown = repr(value)[:80]
        raise ManifestError(
            f"{what} is {shown}.",
            code="bad_name",
            hint=f"Use 1 to {limit} characters without control characters.",
        )


def _depth(value: object) -> int:
    """How deep a JSON value nests, without recursion: the value is a tenant's."""
    deepest = 0
    pending: list[tuple[object, int]] = [(value, 1)]
    while pending:
        current, depth = pending.pop()
        deepest = max(deepest, depth)
        children: Iterable[object] = ()
        if isinstance(current, dict):
            children = current.values()
        elif isinstance(current, list):
            children = current
        if depth <= MAX_DEPTH:
            pending.extend((child, depth + 1) for child in children)
    return deepest
