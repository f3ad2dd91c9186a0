"""Scalekit (FASTMCP A-07)."""

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

__all__ = ("ScalekitProvider",)


class ScalekitProvider(ForwardingProvider):
    """`resource_id` is what Scalekit calls this MCP server; its tokens are for that audience. `mcp_url` is base_url."""

    def __init__(
        self,
        *,
        environment_url: object | None = None,
        resource_id: str | None = None,
        base_url: object | None = None,
        mcp_url: object | None = None,
        client_id: str | None = None,
        required_scopes: Iterable[str] | None = None,
        scopes_supported: Iterable[str] | None = None,
        resource_name: str | None = None,
        resource_documentation: object | None = None,
        token_verifier: TokenVerifier | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        settings = Settings("ScalekitProvider", "SCALEKITPROVIDER", "SCALEKIT")
        home = checked_url(settings.required("environment_url", environment_url), "environment_url")
        resource = settings.required("resource_id", resource_id)
        own = base_url or mcp_url or settings.text("base_url", None) or settings.text("mcp_url", None)
        self.client_id = client_id
        """Accepted as it was once needed; nothing asks for it any more."""
        super().__init__(
            token_verifier=token_verifier
            or JWTVerifier(
                jwks_uri=f"{home}/keys",
                issuer=home,
                audience=resource,
                required_scopes=settings.words("required_scopes", required_scopes) or [],
                http_client=http_client,
            ),
            authorization_server=f"{home}/resources/{resource}",
            metadata_url=f"{home}/.well-known/oauth-authorization-server/resources/{resource}",
            base_url=settings.required("base_url", own),
            scopes_supported=scopes_supported,
            resource_name=resource_name,
            resource_documentation=resource_documentation,
            http_client=http_client,
        )
