"""How a client proves who it is: a bearer token, or a log-in in the browser (FASTMCP CL-20, PROTOCOL 5.4).

Names are imported when first used: they need httpx2.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

_HOMES = {
    "BearerAuth": "bearer",
    "ClientCredentialsOAuthProvider": "programs",
    "OAuth": "oauth",
    "OAuthError": "errors",
    "PrivateKeyJWTOAuthProvider": "programs",
    "SignedJWTParameters": "programs",
    "static_assertion_provider": "programs",
}

__all__ = (
    "BearerAuth",
    "ClientCredentialsOAuthProvider",
    "OAuth",
    "OAuthError",
    "PrivateKeyJWTOAuthProvider",
    "SignedJWTParameters",
    "as_httpx_auth",
    "static_assertion_provider",
)


def as_httpx_auth(auth: Any, url: str) -> httpx2.Auth | None:
    """The auth object for what a client was given; None for a token, which is a header."""
    if auth == "oauth":
        from mcp_runtime.client.auth.oauth import OAuth

        return OAuth(url)
    if auth is None or isinstance(auth, str):
        return None
    if hasattr(auth, "bind"):
        auth.bind(url)
    found: httpx2.Auth = auth
    return found


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
