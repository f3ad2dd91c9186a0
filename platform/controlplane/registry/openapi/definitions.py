"""Operations as MCP clients see them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jsonschema_rs

from mcp_runtime.framework.openapi.arguments import Arguments
from mcp_runtime.framework.openapi.calling import ApiClient, Operation
from mcp_runtime.framework.openapi.documents import Document, HTTPRoute
from mcp_runtime.protocol.uri_templates import UriTemplate

MAX_DESCRIPTION = 4_000
MAX_TITLE = 100
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_VALUES = frozenset({"default", "enum", "const", "examples"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})


def tool_of(document: Document, route: HTTPRoute, arguments: Arguments, name: str, *, promises: bool) -> dict[str, Any]:
    """Raises DocumentError."""
    definition = _described(route, name)
    definition["inputSchema"] = _usable(arguments.schema)
    if promises:
        output = Operation(document, route, ApiClient(None)).output_schema(promised=True)
        if output is not None:
            definition["outputSchema"] = _usable(output)
    annotations: dict[str, Any] = {"readOnlyHint": route.method in _READING}
    if route.method in ("PUT", "DELETE"):
        annotations |= {"destructiveHint": True, "idempotentHint": True}
    definition["annotations"] = annotations
    return definition


def resource_of(route: HTTPRoute, arguments: Arguments, name: str) -> dict[str, Any]:
    """Raises ValueError for an operation that needs to be told more."""
    _check_readable(route, arguments)
    return {"uri": f"resource://{name}", **_described(route, name), "mimeType": route.response_type or _JSON}


def template_of(route: HTTPRoute, arguments: Arguments, name: str) -> dict[str, Any]:
    """Its path's variables, and the query parameters that it may have. Raises ValueError."""
    _check_readable(route, arguments)
    path = [argument for argument, one in arguments.parameters.items() if one.location == "path"]
    query = [argument for argument, one in arguments.parameters.items() if one.location == "query"]
    template = f"resource://{name}/" + "/".join(f"{{{variable}}}" for variable in path)
    if query and len(path) + len(query) <= MAX_VARIABLES:
        template += f"{{?{','.join(query)}}}"
    UriTemplate(template)
    return {"uriTemplate": template, **_described(route, name), "mimeType": route.response_type or _JSON}


def _check_readable(route: HTTPRoute, arguments: Arguments) -> None:
    if route.method not in ("GET", "HEAD"):
        raise ValueError(f"{route.method} is not for reading: it can be a tool, and no resource.")
    in_path = {argument for argument, one in arguments.parameters.items() if one.location == "path"}
    needed = sorted(set(arguments.schema.get("required", ())) - in_path)
    if needed:
        raise ValueError(f"It needs the argument '{needed[0]}', which a resource cannot be given.")


def _described(route: HTTPRoute, name: str) -> dict[str, Any]:
    definition: dict[str, Any] = {"name": name}
    if route.summary and len(route.summary) <= MAX_TITLE and route.summary.isprintable():
        definition["title"] = route.summary
    said = route.description or route.summary or f"{route.method} {route.path}"
    definition["description"] = said if len(said) <= MAX_DESCRIPTION else said[: MAX_DESCRIPTION - 1] + "…"
    if route.tags:
        definition["_meta"] = {"fastmcp": {"tags": sorted(set(route.tags))}}
    return definition


def _usable(schema: dict[str, Any]) -> dict[str, Any]:
    """Without patterns that only a backtracking engine understands: an argument is then judged by the API alone."""
    pending: list[tuple[Any, bool]] = [(schema, False)]
    while pending:
        node, named = pending.pop()
        if isinstance(node, list):
            pending.extend((item, False) for item in node)
        elif isinstance(node, dict):
            if not named and isinstance(node.get("pattern"), str) and not _is_linear(node["pattern"]):
                del node["pattern"]
            pending.extend(
                (value, not named and key in _NAMED) for key, value in node.items() if named or key not in _VALUES
            )
    return schema


@lru_cache(4_000)
def _is_linear(pattern: str) -> bool:
    try:
        jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, ValueError):
        return False
    return True


_JSON = "application/json"
MAX_VARIABLES = 16
