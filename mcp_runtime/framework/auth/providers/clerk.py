"""Clerk (FASTMCP A-15)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Unpack

from mcp_runtime.framework.auth.environment import Settings
from mcp_runtime.framework.auth.oauth_proxy import OAuthProxy, ProxyOptions
from mcp_runtime.framework.auth.provider import checked_url
from mcp_runtime.framework.auth.providers.introspection import IntrospectionTokenVerifier

if TYPE_CHECKING:
    import httpx2

__all__ = ("ClerkProvider",)


class ClerkProvider(OAuthProxy):
    """People log in with a Clerk instance, by an OAuth application of it; `domain` is its Frontend API's."""

    def __init__(
        self,
        *,
        domain: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        base_url: object | None = None,
        required_scopes: Iterable[str] | None = None,
        extra_authorize_params: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        http_client: httpx2.AsyncClient | None = None,
        **options: Unpack[ProxyOptions],
    ) -> None:
        settings = Settings("ClerkProvider", "CLERK")
        given = settings.required("domain", domain)
        home = checked_url(given if "://" in given else f"https://{given}", "domain")
        own_id = settings.required("client_id", client_id)
        secret = settings.required("client_secret", client_secret)
        super().__init__(
            upstream_authorization_endpoint=f"{home}/oauth/authorize",
            upstream_token_endpoint=f"{home}/oauth/token",
            upstream_revocation_endpoint=f"{home}/oauth/token/revoke",
            upstream_client_id=own_id,
            upstream_client_secret=secret,
            token_verifier=IntrospectionTokenVerifier(
                introspection_url=f"{home}/oauth/token_info",
                client_id=own_id,
                client_secret=secret,
                required_scopes=settings.words("required_scopes", required_scopes) or ["openid"],
                timeout_seconds=timeout_seconds or 10,
                http_client=http_client,
            ),
            base_url=settings.required("base_url", base_url),
            extra_authorize_params=extra_authorize_params,
            timeout_seconds=timeout_seconds,
            http_client=http_client,
            **settings.proxy_options(options),
        )
