"""Keycloak (FASTMCP A-15)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mcp_runtime.framework.auth.environment import Settings
from mcp_runtime.framework.auth.provider import checked_url
from mcp_runtime.framework.auth.providers.jwt import JWTVerifier
from mcp_runtime.framework.auth.providers.remote import ForwardingProvider

if TYPE_CHECKING:
    import httpx2

    from mcp_runtime.framework.auth.provider import TokenVerifier

__all__ = ("KeycloakAuthProvider", "KeycloakProvider")


class KeycloakAuthProvider(ForwardingProvider):
    """Clients register and log in at a realm. Say `audience` where the realm has other applications too."""

    def __init__(
        self,
        *,
        realm_url: object | None = None,
        base_url: object | None = None,
        required_scopes: Iterable[str] | None = None,
        audience: str | Iterable[str] | None = None,
        token_verifier: TokenVerifier | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        settings = Settings("KeycloakAuthProvider", "KEYCLOAK")
        realm = checked_url(settings.required("realm_url", realm_url), "realm_url")
        super().__init__(
            token_verifier=token_verifier
            or JWTVerifier(
                jwks_uri=f"{realm}/protocol/openid-connect/certs",
                issuer=realm,
                audience=audience,
                required_scopes=settings.words("required_scopes", required_scopes) or [],
                http_client=http_client,
            ),
            authorization_server=realm,
            metadata_url=f"{realm}/.well-known/openid-configuration",
            base_url=settings.required("base_url", base_url),
            http_client=http_client,
        )


KeycloakProvider = KeycloakAuthProvider
