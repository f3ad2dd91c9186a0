"""PropelAuth (FASTMCP A-15)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mcp_runtime.framework.auth.environment import Settings
from mcp_runtime.framework.auth.provider import checked_url
from mcp_runtime.framework.auth.providers.introspection import IntrospectionTokenVerifier
from mcp_runtime.framework.auth.providers.remote import ForwardingProvider

if TYPE_CHECKING:
    import httpx2

__all__ = ("PropelAuthProvider",)


class PropelAuthProvider(ForwardingProvider):
    """Clients log in there; each token is asked about there. `resource`: the audience tokens must be for."""

    def __init__(
        self,
        *,
        auth_url: object | None = None,
        introspection_client_id: str | None = None,
        introspection_client_secret: object | None = None,
        base_url: object | None = None,
        required_scopes: Iterable[str] | None = None,
        scopes_supported: Iterable[str] | None = None,
        resource_name: str | None = None,
        resource_documentation: object | None = None,
        resource: object | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        settings = Settings("PropelAuthProvider", "PROPELAUTH")
        home = checked_url(settings.required("auth_url", auth_url), "auth_url")
        secret = introspection_client_secret
        super().__init__(
            token_verifier=IntrospectionTokenVerifier(
                introspection_url=f"{home}/oauth/2.1/introspect",
                client_id=settings.required("introspection_client_id", introspection_client_id),
                client_secret=settings.text("introspection_client_secret", None) if secret is None else secret,
                required_scopes=settings.words("required_scopes", required_scopes) or [],
                audience=None if resource is None else str(resource),
                http_client=http_client,
            ),
            authorization_server=f"{home}/oauth/2.1",
            metadata_url=f"{home}/.well-known/oauth-authorization-server/oauth/2.1",
            base_url=settings.required("base_url", base_url),
            scopes_supported=scopes_supported,
            resource_name=resource_name,
            resource_documentation=resource_documentation,
            http_client=http_client,
        )
