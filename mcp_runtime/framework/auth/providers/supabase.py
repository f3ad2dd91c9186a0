"""Supabase (FASTMCP A-15)."""

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

__all__ = ("SupabaseProvider",)


class SupabaseProvider(ForwardingProvider):
    """Clients log in at the project's own Auth; its tokens are for the audience `authenticated`."""

    def __init__(
        self,
        *,
        project_url: object | None = None,
        base_url: object | None = None,
        auth_route: str = "/auth/v1",
        algorithm: str | None = None,
        required_scopes: Iterable[str] | None = None,
        scopes_supported: Iterable[str] | None = None,
        resource_name: str | None = None,
        resource_documentation: object | None = None,
        token_verifier: TokenVerifier | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        settings = Settings("SupabaseProvider", "SUPABASE")
        home = checked_url(settings.required("project_url", project_url), "project_url")
        issuer = f"{home}/{auth_route.strip('/')}"
        super().__init__(
            token_verifier=token_verifier
            or JWTVerifier(
                jwks_uri=f"{issuer}/.well-known/jwks.json",
                issuer=issuer,
                audience="authenticated",
                algorithm=settings.text("algorithm", algorithm) or "ES256",
                required_scopes=settings.words("required_scopes", required_scopes) or [],
                http_client=http_client,
            ),
            authorization_server=issuer,
            metadata_url=f"{issuer}/.well-known/oauth-authorization-server",
            base_url=settings.required("base_url", base_url),
            scopes_supported=scopes_supported,
            resource_name=resource_name,
            resource_documentation=resource_documentation,
            http_client=http_client,
        )
