"""OpenAPI 3.0 and 3.1 documents as a list of operations.

Nothing is fetched: a reference to another document, a file or an address, is refused when the document is read
(FASTMCP 3.1). References inside may form cycles; following one of a parameter or body is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mcp_runtime.framework.errors import FrameworkError

__all__ = ("Document", "DocumentError", "HTTPRoute", "ParameterInfo", "RequestBodyInfo")

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_LONGEST_CHAIN = 32
_IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})
"""Parameters by these names are ignored, as OpenAPI says: credentials are the client's to send."""
_NEVER_HEADERS = frozenset(
    {"host", "content-length", "connection", "transfer-encoding", "cookie", "upgrade", "te", "trailer", "keep-alive"}
    | {"proxy-authorization", "proxy-authenticate", "forwarded", "x-forwarded-for", "x-forwarded-host", "expect"}
)
_NOT_SCHEMAS = frozenset({"example", "examples", "default", "enum", "const"})


class DocumentError(FrameworkError, ValueError):
    """The OpenAPI document cannot be used; says where and why."""


@dataclass(kw_only=True)
class ParameterInfo:
    """One parameter of an operation."""

    name: str
    location: Literal["path", "query", "header", "cookie"]
    required: bool
    schema: Mapping[str, Any]
    description: str | None = None
    style: str
    explode: bool
    allow_reserved: bool = False
    as_json: bool = False
    """Whether the value is written as JSON (`content` in place of `schema`)."""


@dataclass(kw_only=True)
class RequestBodyInfo:
    """The body of an operation, in the one content type that is sent."""

    content_type: str
    schema: Mapping[str, Any]
    required: bool = False
    description: str | None = None
    encoding: Mapping[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class HTTPRoute:
    """One operation: what route maps match, and components are made from."""

    path: str
    method: str
    operation_id: str | None = None
    summary: str | None = None
    description: str | None = None
    tags: list[str] = field(default_factory=list)
    parameters: list[ParameterInfo] = field(default_factory=list)
    request_body: RequestBodyInfo | None = None
    response_schema: Mapping[str, Any] | None = None
    """Of the first success that is JSON."""
    response_type: str | None = None
    extensions: dict[str, Any] = field(default_factory=dict)


class Document:
    """A checked document. Raises DocumentError."""

    def __init__(self, spec: Any) -> None:
        if not isinstance(spec, Mapping):
            raise DocumentError(f"An OpenAPI document is a dictionary, not {type(spec).__name__}; read the file first.")
        version = str(spec.get("openapi") or "")
        if not version.startswith(("3.0", "3.1")):
            said = version or f"Swagger {spec['swagger']}" if "swagger" in spec or version else "none"
            raise DocumentError(f"The document's version is {said}; OpenAPI 3.0 and 3.1 are understood.")
        if not isinstance(spec.get("paths", {}), Mapping):
            raise DocumentError("The document's paths are not an object.")
        self.spec = spec
        self.is_30 = version.startswith("3.0")
        self._refuse_foreign_references()

    @property
    def title(self) -> str | None:
        info = self.spec.get("info")
        title = info.get("title") if isinstance(info, Mapping) else None
        return title if isinstance(title, str) else None

    @property
    def server_url(self) -> str | None:
        """The first server's address, its variables filled in with their defaults."""
        servers = self.spec.get("servers")
        if not isinstance(servers, list) or not servers or not isinstance(servers[0], Mapping):
            return None
        url = str(servers[0].get("url") or "")
        for name, variable in (servers[0].get("variables") or {}).items():
            if isinstance(variable, Mapping) and "default" in variable:
                url = url.replace(f"{{{name}}}", str(variable["default"]))
        return url or None

    def routes(self) -> Iterator[HTTPRoute]:
        """All operations, in the order of the document."""
        for path, given in (self.spec.get("paths") or {}).items():
            item = self.resolved(given)
            if not isinstance(item, Mapping):
                raise DocumentError(f"The path {path!r} is not an object.")
            for method in METHODS:
                if isinstance(item.get(method), Mapping):
                    yield self._route(str(path), method, item, item[method])

    def resolved(self, node: Any) -> Any:
        """`node`, or what it refers to."""
        for _ in range(_LONGEST_CHAIN):
            if not isinstance(node, Mapping) or not isinstance(node.get("$ref"), str):
                return node
            node = self.target(node["$ref"])
        raise DocumentError("A reference refers to a reference without end.")

    def target(self, reference: str) -> Any:
        """What `#/components/…` names. Raises DocumentError."""
        if not reference.startswith("#/"):
            raise DocumentError(f"The document refers to {reference!r}; only `#/…` is followed.")
        node: Any = self.spec
        for part in reference[1:].split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")
            if isinstance(node, Mapping) and name in node:
                node = node[name]
            elif isinstance(node, list) and name.isdigit() and int(name) < len(node):
                node = node[int(name)]
            else:
                raise DocumentError(f"The document refers to {reference!r}, which it does not hold.")
        return node

    def _route(self, path: str, method: str, item: Mapping[str, Any], operation: Mapping[str, Any]) -> HTTPRoute:
        parameters: dict[tuple[str, str], ParameterInfo] = {}
        for given in [*(item.get("parameters") or ()), *(operation.get("parameters") or ())]:
            parameter = self._parameter(path, self.resolved(given))
            if parameter is not None:
                parameters[(parameter.name, parameter.location)] = parameter
        response_type, response_schema = self._response(operation.get("responses"))
        return HTTPRoute(
            path=path,
            method=method.upper(),
            operation_id=_text(operation.get("operationId")),
            summary=_text(operation.get("summary")) or _text(item.get("summary")),
            description=_text(operation.get("description")) or _text(item.get("description")),
            tags=[str(tag) for tag in operation.get("tags") or ()],
            parameters=list(parameters.values()),
            request_body=self._body(operation.get("requestBody")),
            response_schema=response_schema,
            response_type=response_type,
            extensions={key: value for key, value in operation.items() if str(key).startswith("x-")},
        )

    def _parameter(self, path: str, given: Any) -> ParameterInfo | None:
        if not isinstance(given, Mapping) or given.get("in") not in ("path", "query", "header", "cookie"):
            raise DocumentError(f"A parameter of {path!r} does not say where it is sent.")
        name, location = str(given.get("name")), given["in"]
        if location == "header" and name.lower() in _IGNORED_HEADERS | _NEVER_HEADERS:
            return None
        content = given.get("content")
        as_json = isinstance(content, Mapping) and bool(content)
        if isinstance(content, Mapping) and content:
            schema = self.resolved(next(iter(content.values()))).get("schema") or {}
        else:
            schema = given.get("schema") or {}
        style = str(given.get("style") or ("form" if location in ("query", "cookie") else "simple"))
        return ParameterInfo(
            name=name,
            location=location,
            required=location == "path" or given.get("required") is True,
            schema=schema,
            description=_text(given.get("description")),
            style=style,
            explode=bool(given.get("explode", style == "form")),
            allow_reserved=given.get("allowReserved") is True,
            as_json=as_json,
        )

    def _body(self, given: Any) -> RequestBodyInfo | None:
        body = self.resolved(given)
        if not isinstance(body, Mapping) or not isinstance(body.get("content"), Mapping) or not body["content"]:
            return None
        content = body["content"]
        content_type = min(content, key=_preference)
        chosen = self.resolved(content[content_type])
        return RequestBodyInfo(
            content_type=str(content_type),
            schema=chosen.get("schema") or {},
            required=body.get("required") is True,
            description=_text(body.get("description")),
            encoding=chosen.get("encoding") or {},
        )

    def _response(self, responses: Any) -> tuple[str | None, Mapping[str, Any] | None]:
        """The content type of the first success, and its schema if that is JSON."""
        if not isinstance(responses, Mapping):
            return None, None
        successes = [code for code in responses if str(code).startswith("2")]
        for code in sorted(successes, key=str):
            content = (self.resolved(responses[code]) or {}).get("content")
            if isinstance(content, Mapping) and content:
                kind = min(content, key=_preference)
                schema = self.resolved(content[kind]).get("schema") if is_json(str(kind)) else None
                return str(kind), schema
        return None, None

    def _refuse_foreign_references(self) -> None:
        pending: list[Any] = [self.spec.get("paths"), self.spec.get("components")]
        seen: set[int] = set()
        while pending:
            node = pending.pop()
            if isinstance(node, (Mapping, list)):
                if id(node) in seen:
                    continue
                seen.add(id(node))
            if isinstance(node, list):
                pending.extend(node)
            elif isinstance(node, Mapping):
                reference = node.get("$ref")
                if isinstance(reference, str) and not reference.startswith("#"):
                    raise DocumentError(
                        f"The document refers to {reference!r} outside of itself, which is never fetched: bundle it."
                    )
                pending.extend(value for key, value in node.items() if key not in _NOT_SCHEMAS)


def is_json(content_type: str) -> bool:
    """`application/json`, `application/problem+json` and their like."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _preference(content_type: object) -> int:
    kind = str(content_type).partition(";")[0].strip().lower()
    if is_json(kind):
        return 0
    order = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
    return order.index(kind) + 1 if kind in order else len(order) + 1


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
