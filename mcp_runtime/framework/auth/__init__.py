"""Who may call a standalone server: verifiers, OAuth servers and proxies, identity providers (FASTMCP 1.8).

`provider.py` says how a server uses one. Names are imported when first used; constructing a provider imports no
optional package and reaches no network.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "AccessToken": "tokens",
    "AuthProvider": "provider",
    "DebugTokenVerifier": "providers.debug",
    "JWTVerifier": "providers.jwt",
    "MultiAuth": "provider",
    "ClientRegistrationOptions": "settings",
    "OAuthProvider": "server",
    "OAuthProxy": "oauth_proxy",
    "OIDCProxy": "oidc_proxy",
    "RemoteAuthProvider": "provider",
    "RevocationOptions": "settings",
    "StaticTokenVerifier": "providers.jwt",
    "TokenVerifier": "provider",
}

__all__ = tuple(sorted(_HOMES))


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
