"""Auth0 (FASTMCP A-04)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Unpack

from mcp_runtime.framework.auth.environment import Settings
from mcp_runtime.framework.auth.oauth_proxy import ProxyOptions
from mcp_runtime.framework.auth.oidc_proxy import OIDCProxy

if TYPE_CHECKING:
    import httpx2

__all__ = ("Auth0Provider",)


class Auth0Provider(OIDCProxy):
    """People log in with Auth0; `audience` is the identifier of the API that stands for this server."""

    def __init__(
        self,
        *,
        config_url: object | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        audience: str | None = None,
        base_url: object | None = None,
        required_scopes: Iterable[str] | None = None,
        http_client: httpx2.AsyncClient | None = None,
        timeout_seconds: float | None = None,
        **options: Unpack[ProxyOptions],
    ) -> None:
        settings = Settings("Auth0Provider", "AUTH0")
        super().__init__(
            config_url=settings.required("config_url", config_url),
            client_id=settings.required("client_id", client_id),
            client_secret=settings.required("client_secret", client_secret),
            audience=settings.required("audience", audience),
            base_url=settings.required("base_url", base_url),
            required_scopes=settings.words("required_scopes", required_scopes) or ["openid"],
            http_client=http_client,
            timeout_seconds=timeout_seconds,
            **settings.proxy_options(options),
        )
