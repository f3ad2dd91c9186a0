"""Dynamic client registration (RFC 7591): what a stranger may write into our storage (PROTOCOL O-12)."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from mcp_runtime.framework.auth.errors import RegistrationError
from mcp_runtime.framework.auth.grants import OAuthClient, digest
from mcp_runtime.framework.auth.redirects import RedirectPolicy

__all__ = ("AUTH_METHODS", "registered")

AUTH_METHODS = ("none", "client_secret_post", "client_secret_basic")
_GRANTS = ("authorization_code", "refresh_token")
_MOST_REDIRECTS = 10
_MOST_CHARACTERS = 500


def registered(metadata: Mapping[str, Any], policy: RedirectPolicy) -> tuple[OAuthClient, str | None]:
    """The client, and its secret if it asked to have one. Raises RegistrationError.

    Clients without a secret get an id made of what they say about themselves: the same registration again is the same
    client, however often it comes.
    """
    uris = _redirect_uris(metadata.get("redirect_uris"), policy)
    method = metadata.get("token_endpoint_auth_method", "client_secret_basic")  # the default of RFC 7591 section 2
    if method not in AUTH_METHODS:
        raise _wrong(f"token_endpoint_auth_method is one of {', '.join(AUTH_METHODS)}.")
    grants = metadata.get("grant_types", ["authorization_code"])
    if not isinstance(grants, list) or "authorization_code" not in grants:
        raise _wrong("grant_types must hold authorization_code.")
    if metadata.get("response_types", ["code"]) != ["code"]:
        raise _wrong("response_types is ['code'], or left out.")
    described: dict[str, Any] = {
        "redirect_uris": uris,
        "client_name": _text(metadata, "client_name"),
        "client_uri": _text(metadata, "client_uri"),
        "token_endpoint_auth_method": method,
        "grant_types": [grant for grant in _GRANTS if grant in grants],
        "scope": _text(metadata, "scope"),
        "application_type": _text(metadata, "application_type"),
    }
    now = int(time.time())
    if method == "none":
        name = sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:40]
        return OAuthClient(client_id=f"client-{name}", client_id_issued_at=now, **described), None
    secret = secrets.token_urlsafe(32)
    client = OAuthClient(
        client_id=f"client-{secrets.token_hex(20)}",
        client_id_issued_at=now,
        client_secret_digest=digest(secret),
        **described,
    )
    return client, secret


def _redirect_uris(value: Any, policy: RedirectPolicy) -> list[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST_REDIRECTS:
        raise RegistrationError("invalid_redirect_uri", f"redirect_uris lists 1 to {_MOST_REDIRECTS} addresses.")
    for uri in value:
        if not isinstance(uri, str) or not policy.allows(uri):
            raise RegistrationError(
                "invalid_redirect_uri",
                f"This server does not send people back to {str(uri)[:200]!r}. "
                "Its author allows addresses with allowed_client_redirect_uris=.",
            )
    return list(dict.fromkeys(value))


def _text(metadata: Mapping[str, Any], name: str) -> str | None:
    value = metadata.get(name)
    if value is not None and (not isinstance(value, str) or len(value) > _MOST_CHARACTERS):
        raise _wrong(f"{name} is a text of at most {_MOST_CHARACTERS} characters.")
    return value


def _wrong(description: str) -> RegistrationError:
    return RegistrationError("invalid_client_metadata", description)
