"""The documents by which clients find their way: RFC 9728 for the resource, RFC 8414 for its authorization server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from mcp_runtime.framework.auth.http import Request, Response, Route

__all__ = ("authorization_server_routes", "document_route", "resource_route")

_CACHED = ("cache-control", "public, max-age=300")


def resource_route(
    resource: str,
    *,
    authorization_servers: Sequence[str],
    scopes: Iterable[str],
    name: str | None = None,
    documentation: str | None = None,
) -> Route:
    """The metadata of the MCP endpoint at `resource`, where RFC 9728 section 3.1 puts it."""
    document: dict[str, Any] = {"resource": resource, "bearer_methods_supported": ["header"]}
    if authorization_servers:
        document["authorization_servers"] = [*authorization_servers]
    supported = [scope for scope in scopes if scope != "offline_access"]  # PROTOCOL A-14
    if supported:
        document["scopes_supported"] = supported
    if name is not None:
        document["resource_name"] = name
    if documentation is not None:
        document["resource_documentation"] = documentation
    return document_route(f"/.well-known/oauth-protected-resource{urlsplit(resource).path}", document)


def authorization_server_routes(issuer: str, document: Mapping[str, Any]) -> list[Route]:
    """The same document at each place where clients of some age look for it (RFC 8414 section 3.1; PROTOCOL D-11)."""
    path = urlsplit(issuer).path.rstrip("/")
    places = [f"/.well-known/oauth-authorization-server{path}", f"/.well-known/openid-configuration{path}"]
    if path:
        places.append("/.well-known/oauth-authorization-server")  # a server mounted under that path sees it so
    return [document_route(place, document) for place in places]


def document_route(path: str, document: Mapping[str, Any]) -> Route:
    answer = Response.json(document, headers=[_CACHED])

    async def serve(_: Request) -> Response:
        return answer

    return Route(path, serve, open_to_browsers=True)
