"""An OpenAPI document's operations, as components and as what a gateway needs to call them. No I/O."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from controlplane.registry import manifests
from controlplane.registry.errors import ImportFailed, InvalidSettings, ManifestError
from controlplane.registry.openapi.definitions import resource_of, template_of, tool_of
from controlplane.registry.openapi.rules import Judge
from controlplane.registry.openapi.security import requirements, scheme_of
from controlplane.registry.openapi.settings import ApiSettings, Chosen
from mcp_runtime.framework.errors import FrameworkError
from mcp_runtime.framework.openapi.arguments import Arguments, arguments_of
from mcp_runtime.framework.openapi.documents import Document, DocumentError, HTTPRoute
from mcp_runtime.framework.openapi.routing import names_for
from mcp_runtime.ports.apis import Api, Body, Operation, Parameter, Scheme
from mcp_runtime.ports.workers import Manifest

MAX_OPERATIONS = 20_000
SECONDS = 30.0
"""All operations together."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An operation that cannot be served, and why. The others are."""

    operation: str
    reason: str


@dataclass(frozen=True, slots=True)
class Listed:
    """One operation of the document, and what becomes of it."""

    operation: str
    method: str
    path: str
    summary: str
    becomes: str
    name: str
    tags: tuple[str, ...]


@dataclass(slots=True)
class Imported:
    """What became of a document."""

    title: str
    version: str
    manifest: Manifest
    api: Api
    """Without the names of tenant, server and revision."""
    listed: list[Listed] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def imported(spec: Mapping[str, Any], settings: ApiSettings, *, now: Callable[[], float] = time.monotonic) -> Imported:
    """Raises ImportFailed, InvalidSettings, ManifestError."""
    try:
        document = Document(spec)
        routes = list(document.routes())
    except (DocumentError, AttributeError, TypeError) as error:
        raise ImportFailed(f"{error}"[:500], code="bad_document", hint="Check it with an OpenAPI validator.") from error
    if len(routes) > MAX_OPERATIONS:
        raise ImportFailed(
            f"The document has {len(routes)} operations; at most {MAX_OPERATIONS} are looked at.",
            code="too_many_operations",
            hint="Split the document.",
        )
    return _Import(document, settings, now).of(routes)


class _Import:
    def __init__(self, document: Document, settings: ApiSettings, now: Callable[[], float]) -> None:
        self._document = document
        self._settings = settings
        self._now = now
        self._base_url = base_url_of(document, settings)
        self._schemes = _schemes(document, settings, self._base_url)
        self._scopes: dict[str, set[str]] = {}
        self._left_out: list[LeftOut] = []

    def of(self, routes: list[HTTPRoute]) -> Imported:
        judge = Judge(self._settings)
        fates = [judge.fate(route) for route in routes]
        judge.complain()
        chosen = [(route, fate) for route, fate in zip(routes, fates, strict=True) if fate.becomes != "nothing"]
        if len(chosen) > manifests.MAX_COMPONENTS:
            raise ImportFailed(
                f"{len(chosen)} of the document's operations would be served; {manifests.MAX_COMPONENTS} at most are.",
                code="too_many_operations",
                hint="Choose with rules: by tag, by method or by a pattern of the path.",
            )
        names = iter(names_for([route for route, _ in chosen], {}))
        manifest = Manifest(name=_text(self._document.title or "API"), version=self._version(), strict_input=True)
        manifest.instructions = self._description()
        result = Imported(manifest.name, manifest.version, manifest, Api("", "", "", self._base_url))
        kinds: dict[str, dict[str, Operation]] = {"tools": {}, "resources": {}, "resource_templates": {}}
        until = self._now() + SECONDS
        for route, fate in zip(routes, fates, strict=True):
            name = (fate.name or next(names)) if fate.becomes != "nothing" else ""
            if fate.becomes != "nothing" and fate.name:
                next(names)
            becomes = self._place(route, fate, name, manifest, kinds) if name else "nothing"
            result.listed.append(
                Listed(key_of(route), route.method, route.path, route.summary or "", becomes, name, tuple(route.tags))
            )
            if self._now() > until:
                raise ImportFailed(
                    f"The document's schemas take longer than {SECONDS:g} s to read.",
                    code="too_many_operations",
                    hint="Choose fewer operations with rules.",
                )
        result.left_out = self._left_out
        result.api = msgspec.structs.replace(
            result.api,
            tools=kinds["tools"],
            resources=kinds["resources"],
            templates=kinds["resource_templates"],
            schemes=self._used_schemes(kinds),
        )
        _check_size(manifest)
        return result

    def _place(
        self, route: HTTPRoute, fate: Chosen, name: str, manifest: Manifest, kinds: dict[str, dict[str, Operation]]
    ) -> str:
        """Put it where it belongs; what it became, `nothing` when it cannot be served."""
        try:
            arguments = arguments_of(self._document, route)
            operation = self._operation(route, arguments)
            if fate.becomes == "tool":
                kind, key = "tools", "name"
                definition = tool_of(self._document, route, arguments, name, promises=self._settings.answers)
                if "x-fastmcp-wrap-result" in (definition.get("outputSchema") or {}):
                    operation = msgspec.structs.replace(operation, wraps=True)
            elif any(parameter.place == "path" for parameter in operation.parameters.values()):
                kind, key, definition = "resource_templates", "uriTemplate", template_of(route, arguments, name)
            else:
                kind, key, definition = "resources", "uri", resource_of(route, arguments, name)
            if fate.description:
                definition["description"] = fate.description
            alone = Manifest(name="x")
            setattr(alone, kind, [definition])
            manifests.check(alone)
        except (FrameworkError, ManifestError, ValueError, TypeError, AttributeError, RecursionError) as error:
            # A document is a stranger's: what is wrong with one operation is no reason to refuse the others.
            self._left_out.append(LeftOut(key_of(route), " ".join(str(error).split())[:300]))
            return "nothing"
        identity = str(definition[key])
        if identity in kinds[kind]:
            raise InvalidSettings(f"Two operations would be called '{name}'. Give one of them another name.")
        kinds[kind][identity] = operation
        getattr(manifest, kind).append(definition)
        return _BECAME[kind]

    def _operation(self, route: HTTPRoute, arguments: Arguments) -> Operation:
        """Raises ValueError."""
        if not route.path.startswith("/") or any(part in (".", "..") for part in route.path.split("/")):
            raise ValueError("Its path does not begin with a slash, or climbs.")
        item: Any = self._document.resolved(self._document.spec["paths"][route.path])
        given: Any = item[route.method.lower()]
        self._same_host(given.get("servers") or item.get("servers"))
        wanted = given.get("security", self._document.spec.get("security"))
        if self._settings.security is not None:
            wanted = [dict.fromkeys(self._settings.security, ())] if self._settings.security else []
        ways, scopes = requirements(wanted, self._schemes)
        if ways is None:
            raise ValueError("It wants a kind of credential that is not supported.")
        for name, named in scopes.items():
            self._scopes.setdefault(name, set()).update(named)
        return Operation(
            method=route.method,
            path=route.path,
            parameters={
                argument: Parameter(
                    name=one.name,
                    place=one.location,
                    style=one.style,
                    explode=one.explode,
                    required=one.required,
                    allow_reserved=one.allow_reserved,
                    as_json=one.as_json,
                )
                for argument, one in arguments.parameters.items()
            },
            body=_body(self._document, arguments),
            security=ways,
        )

    def _same_host(self, servers: Any) -> None:
        """An operation at another host would be shown credentials that are not that host's."""
        if not isinstance(servers, list) or not servers or self._settings.base_url:
            return
        urls = [urljoin(self._base_url, str(one.get("url") or "")) for one in servers if isinstance(one, Mapping)]
        if self._base_url.rstrip("/") not in [url.rstrip("/") for url in urls]:
            raise ValueError(f"It is at another address, {urls[0][:200] if urls else 'none'}: import it by itself.")

    def _used_schemes(self, kinds: dict[str, dict[str, Operation]]) -> dict[str, Scheme]:
        operations = [operation for one in kinds.values() for operation in one.values()]
        used = {name for operation in operations for way in operation.security for name in way}
        return {
            name: msgspec.structs.replace(scheme, scopes=tuple(sorted(self._scopes.get(name, ()))))
            if scheme.kind == "client_credentials"
            else scheme
            for name, scheme in self._schemes.items()
            if name in used
        }

    def _version(self) -> str:
        info = self._document.spec.get("info")
        return _text(str(info.get("version") or ""))[:100] if isinstance(info, Mapping) else ""

    def _description(self) -> str | None:
        info = self._document.spec.get("info")
        said = info.get("description") if isinstance(info, Mapping) else None
        return said[:4_000] if isinstance(said, str) and said else None


def base_url_of(document: Document, settings: ApiSettings) -> str:
    """Where the API is. Raises ImportFailed."""
    said = settings.base_url or urljoin(settings.url, document.server_url or "/")
    try:
        parts = urlsplit(said)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), 0
    usable = said.isascii() and said.isprintable() and not {"{", " "} & set(said)
    if not usable or parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ImportFailed(
            f"The document does not say at which address the API is: '{said[:200]}'.",
            code="no_address",
            hint="Say it yourself: base_url, or --base-url.",
        )
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ImportFailed(
            "The API's address has a user name, a query or a fragment.", code="no_address", hint="Give it without."
        )
    return said.rstrip("/")


def key_of(route: HTTPRoute) -> str:
    """What an operation is called in settings."""
    return route.operation_id or f"{route.method} {route.path}"


def _schemes(document: Document, settings: ApiSettings, base_url: str) -> dict[str, Scheme]:
    components = document.spec.get("components")
    given: Any = components.get("securitySchemes") if isinstance(components, Mapping) else None
    wanted: Any = given if settings.security is None else settings.security
    if not isinstance(wanted, Mapping):
        return {}
    schemes: dict[str, Scheme] = {}
    for name, one in wanted.items():
        scheme = scheme_of(str(name), document.resolved(one), base_url)
        if scheme is not None:
            schemes[str(name)] = scheme
        elif settings.security is not None:
            raise InvalidSettings(f"'{str(name)[:80]}' is no security scheme that is supported.")
    return schemes


def _body(document: Document, arguments: Arguments) -> Body | None:
    body = arguments.body
    if body is None:
        return None
    argument = ""
    if arguments.members is None:
        [argument] = arguments.schema["properties"].keys() - arguments.parameters.keys()
    members = body.schema.get("properties") if arguments.members is not None else None
    binary = tuple(name for name, schema in (members or {}).items() if _is_binary(document, schema))
    if arguments.members is None and _is_binary(document, body.schema):
        binary = ("*",)
    return Body(
        content_type=body.content_type,
        required=body.required,
        argument=argument,
        members=None if arguments.members is None else dict(arguments.members),
        binary=binary,
        encoding={
            str(name): {key: one[key] for key in _ENCODING if key in one}
            for name, one in body.encoding.items()
            if isinstance(one, Mapping)
        },
    )


def _is_binary(document: Document, schema: Any) -> bool:
    if isinstance(schema, Mapping) and not str(schema.get("$ref", "")).startswith("#/$defs/"):
        schema = document.resolved(schema)
    if not isinstance(schema, Mapping):
        return False
    if schema.get("format") == "binary" or schema.get("contentMediaType") == "application/octet-stream":
        return True
    return isinstance(schema.get("items"), Mapping) and schema["items"].get("format") == "binary"


def _check_size(manifest: Manifest) -> None:
    """Raises ImportFailed with what to do about it."""
    size = len(msgspec.json.encode(manifest))
    if size > manifests.MAX_MANIFEST_BYTES:
        raise ImportFailed(
            f"The definitions of {len(manifest.tools)} tools take {size // 1024} kB;"
            f" at most {manifests.MAX_MANIFEST_BYTES // 1024} are served.",
            code="document_too_large",
            hint="Choose fewer operations with rules: by tag, by method or by a pattern of the path.",
        )
    manifests.check(manifest)


def _text(text: str) -> str:
    """A name that can be shown."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:200] or "API"


_BECAME = {"tools": "tool", "resources": "resource", "resource_templates": "template"}
_ENCODING = ("contentType", "style", "explode", "allowReserved")
