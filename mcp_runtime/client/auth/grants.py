"""Conversations with an authorization server: metadata, registration, tokens (PROTOCOL 5.2, 5.3, 5.4)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx2

from mcp_runtime.client.auth.discovery import (
    checked_metadata,
    checked_resource,
    fallback_metadata,
    metadata_addresses,
    origin_of,
    resource_addresses,
    secure,
)
from mcp_runtime.client.auth.errors import OAuthError

__all__ = ("Guard", "discover", "register", "token_request")

HttpFactory = Callable[..., httpx2.AsyncClient]
_MOST_BYTES = 256 * 1024
_METHODS = ("none", "client_secret_post", "client_secret_basic")


class Guard:
    """Who guards a server: the resource's name for itself, the issuer, its metadata, and the scopes it offers."""

    def __init__(self, resource: str | None, metadata: dict[str, Any], scopes: list[str] | None) -> None:
        self.resource = resource
        self.metadata = metadata
        self.scopes = scopes
        self.issuer: str = metadata["issuer"]


async def discover(http: httpx2.AsyncClient, url: str, challenge: dict[str, str]) -> Guard:
    """Find out who guards `url`. Raises OAuthError."""
    for address in resource_addresses(url, challenge):
        found = await _document(http, address)
        if found is None:
            continue
        resource, issuer = checked_resource(found, url)
        scopes = found.get("scopes_supported")
        metadata = await _metadata(http, issuer, exact=True)
        if metadata is None:
            raise OAuthError(f"The authorization server {issuer} publishes no metadata.")
        return Guard(resource, metadata, scopes if isinstance(scopes, list) else None)
    # Servers of 2025-03-26 are their own authorization servers, at the root of their origin (D-14).
    metadata = await _metadata(http, origin_of(url), exact=False)
    return Guard(None, metadata or fallback_metadata(url), None)


async def _metadata(http: httpx2.AsyncClient, issuer: str, *, exact: bool) -> dict[str, Any] | None:
    for address in metadata_addresses(issuer):
        found = await _document(http, address)
        if found is not None:
            return checked_metadata(found, issuer, exact=exact)
    return None


async def register(
    http: httpx2.AsyncClient, guard: Guard, client: dict[str, Any], document: str | None
) -> dict[str, Any]:
    """Become known to the authorization server: by a document of ours that it reads, or by registering (U-02)."""
    metadata = guard.metadata
    if document is not None and metadata.get("client_id_metadata_document_supported") is True:
        return {"client_id": document, "token_endpoint_auth_method": "none"}
    address = metadata.get("registration_endpoint")
    if address is None:
        raise OAuthError(
            f"The authorization server {guard.issuer} takes no registrations: give OAuth() a client_id=, or a "
            "client_metadata_url= if it reads such documents."
        )
    supported = metadata.get("token_endpoint_auth_methods_supported")
    offered = supported if isinstance(supported, list) and supported else ["client_secret_basic"]
    method = next((known for known in _METHODS if known in offered), "client_secret_basic")
    asked = {"token_endpoint_auth_method": method, "application_type": "native", **client}
    answer = await http.post(secure(address, "registration_endpoint"), json=asked)
    found = _object(answer)
    if answer.status_code not in (200, 201) or not isinstance(found.get("client_id"), str):
        raise _refused("The registration", answer, found)
    return {
        "client_id": found["client_id"],
        "client_secret": found.get("client_secret"),
        "token_endpoint_auth_method": found.get("token_endpoint_auth_method") or method,
    }


async def token_request(
    http: httpx2.AsyncClient, guard: Guard, client: dict[str, Any], form: dict[str, str]
) -> dict[str, Any]:
    """Ask the token endpoint. Raises OAuthError with the code it answered."""
    form = dict(form)
    if guard.resource is not None:
        form["resource"] = guard.resource  # exactly as published (RFC 8707, U-03)
    headers = {"accept": "application/json"}
    secret, method = client.get("client_secret"), _method(client, guard)
    if method == "client_secret_basic" and secret:
        pair = f"{quote(client['client_id'], safe='')}:{quote(secret, safe='')}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        form["client_id"] = client["client_id"]
        if method == "client_secret_post" and secret:
            form["client_secret"] = secret
    answer = await http.post(secure(guard.metadata["token_endpoint"], "token_endpoint"), data=form, headers=headers)
    found = _object(answer)
    if answer.status_code != 200 or not isinstance(found.get("access_token"), str):
        raise _refused("The request for a token", answer, found)
    if str(found.get("token_type", "bearer")).lower() != "bearer":
        raise OAuthError(f"The authorization server gave a token of the type {found['token_type']!r}, not a bearer's.")
    return found


def _method(client: dict[str, Any], guard: Guard) -> str:
    named = client.get("token_endpoint_auth_method")
    if isinstance(named, str):
        return named
    if not client.get("client_secret"):
        return "none"
    supported = guard.metadata.get("token_endpoint_auth_methods_supported")
    offered = supported if isinstance(supported, list) else ["client_secret_basic"]
    return "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"


async def _document(http: httpx2.AsyncClient, address: str) -> dict[str, Any] | None:
    """A JSON object; None where there is none."""
    answer = await http.get(
        secure(address, "metadata address"),
        headers={"accept": "application/json", "mcp-protocol-version": "2025-11-25"},
    )
    if answer.status_code != 200:
        return None
    return _object(answer) or None


def _object(answer: httpx2.Response) -> dict[str, Any]:
    if len(answer.content) > _MOST_BYTES:
        raise OAuthError(f"{answer.request.url} answered with {len(answer.content)} bytes.")
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refused(what: str, answer: httpx2.Response, found: dict[str, Any]) -> OAuthError:
    code = found.get("error") if isinstance(found.get("error"), str) else None
    described = found.get("error_description")
    reason = f"{code}: {described}" if code and isinstance(described, str) else code
    return OAuthError(f"{what} was refused: {reason or f'HTTP status {answer.status_code}'}.", code=code)
