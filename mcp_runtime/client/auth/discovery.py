"""Who guards a server, and where to log in: RFC 9728, RFC 8414, OpenID discovery (PROTOCOL A-02, D-10 to D-14, U-01).

Nothing here asks anybody; `Guard` says what to ask next and judges the answers.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from mcp_runtime.client.auth.errors import OAuthError

__all__ = (
    "challenge_parameters",
    "checked_metadata",
    "checked_resource",
    "fallback_metadata",
    "metadata_addresses",
    "origin_of",
    "resource_addresses",
    "secure",
)

_PARAMETER = re.compile(r'([A-Za-z_][\w-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def challenge_parameters(header: str) -> dict[str, str]:
    """The parameters of a `WWW-Authenticate: Bearer` header."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "bearer":
        return {}
    return {
        match[1].lower(): re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        for match in _PARAMETER.finditer(rest)
    }


def resource_addresses(url: str, challenge: dict[str, str]) -> list[str]:
    """Where a server's protected-resource metadata may be, the likeliest first."""
    named = challenge.get("resource_metadata")
    if named:
        return [named]
    path = urlsplit(url).path.rstrip("/")
    well_known = f"{origin_of(url)}/.well-known/oauth-protected-resource"
    return [well_known + path, well_known] if path else [well_known]


def checked_resource(found: dict[str, Any], url: str) -> tuple[str, str]:
    """The resource's own name for itself, and its authorization server.

    Raises OAuthError where the metadata is another resource's: a token for it is not to be asked for (U-01).
    """
    resource = found.get("resource")
    servers = found.get("authorization_servers")
    if not isinstance(resource, str) or not _covers(resource, url):
        raise OAuthError(f"The protected-resource metadata of {url} is of another resource, {resource!r}.")
    if not isinstance(servers, list) or not servers or not isinstance(servers[0], str):
        raise OAuthError(f"The protected-resource metadata of {url} names no authorization server.")
    return resource, servers[0]


def metadata_addresses(issuer: str) -> list[str]:
    """Where an issuer's metadata may be (D-10, D-11)."""
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    inserted = [
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}/.well-known/openid-configuration{path}",
    ]
    return [*inserted, f"{origin}{path}/.well-known/openid-configuration"] if path else inserted


def checked_metadata(found: dict[str, Any], issuer: str, *, exact: bool = True) -> dict[str, Any]:
    """The metadata, if it is this issuer's and good enough. Raises OAuthError (D-12, D-13, U-07)."""
    named = found.get("issuer")
    same = named == issuer or (not exact and isinstance(named, str) and named.rstrip("/") == issuer.rstrip("/"))
    if not same:
        raise OAuthError(f"The metadata of the authorization server {issuer} is of another one, {named!r}.")
    for member in ("authorization_endpoint", "token_endpoint"):
        address = found.get(member)
        if address is not None:
            secure(address, member)
    if found.get("token_endpoint") is None:
        raise OAuthError(f"The metadata of {issuer} names no token_endpoint.")
    return found


def fallback_metadata(url: str) -> dict[str, Any]:
    """What servers of 2025-03-26 have where they publish nothing (D-14)."""
    origin = origin_of(url)
    return {
        "issuer": origin,
        "authorization_endpoint": f"{origin}/authorize",
        "token_endpoint": f"{origin}/token",
        "registration_endpoint": f"{origin}/register",
        "code_challenge_methods_supported": ["S256"],
    }


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def secure(address: object, what: str) -> str:
    """The address, if it is https, or http on this machine. Raises OAuthError."""
    if isinstance(address, str):
        parts = urlsplit(address)
        if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            return address
    raise OAuthError(f"The {what} is {address!r}; only https is trusted with credentials, and http on this machine.")


def _covers(resource: str, url: str) -> bool:
    """Whether `url` is the resource, or below it."""
    named, asked = urlsplit(resource), urlsplit(url)
    if (named.scheme.lower(), named.netloc.lower()) != (asked.scheme.lower(), asked.netloc.lower()):
        return False
    path = named.path.rstrip("/")
    return asked.path.rstrip("/") == path or asked.path.startswith(f"{path}/")
