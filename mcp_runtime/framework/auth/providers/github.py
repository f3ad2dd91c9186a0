"""GitHub (FASTMCP A-02)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Unpack

from mcp_runtime.framework.auth.environment import Settings
from mcp_runtime.framework.auth.oauth_proxy import OAuthProxy, ProxyOptions
from mcp_runtime.framework.auth.providers.userinfo import AskingVerifier
from mcp_runtime.framework.auth.tokens import AccessToken

if TYPE_CHECKING:
    import httpx2

__all__ = ("GitHubProvider", "GitHubTokenVerifier")

_AUTHORIZE = "https://github.com/login/oauth/authorize"
_TOKEN = "https://github.com/login/oauth/access_token"  # noqa: S105 - an address
_USER = "https://api.github.com/user"


class GitHubTokenVerifier(AskingVerifier):
    """Asks who the token's user is, once: the answer's X-OAuth-Scopes header lists the scopes as well."""

    async def ask(self, token: str) -> AccessToken | None:
        answer = await self.about(_USER, token, "application/vnd.github+json")
        if answer is None:
            return None
        user = answer.json()
        if "id" not in user:
            return None
        scopes = [scope for scope in answer.headers.get("x-oauth-scopes", "").replace(",", " ").split() if scope]
        names = ("login", "name", "email", "avatar_url", "html_url")
        claims = {"sub": str(user["id"]), **{name: user[name] for name in names if name in user}}
        return AccessToken(token, str(user["id"]), scopes or ["user"], None, claims)


class GitHubProvider(OAuthProxy):
    """People log in with GitHub."""

    def __init__(
        self,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        base_url: object | None = None,
        required_scopes: Iterable[str] | None = None,
        timeout_seconds: float | None = None,
        cache_ttl_seconds: float | None = None,
        max_cache_size: int | None = None,
        http_client: httpx2.AsyncClient | None = None,
        **options: Unpack[ProxyOptions],
    ) -> None:
        settings = Settings("GitHubProvider", "GITHUB")
        super().__init__(
            upstream_authorization_endpoint=_AUTHORIZE,
            upstream_token_endpoint=_TOKEN,
            upstream_client_id=settings.required("client_id", client_id),
            upstream_client_secret=settings.required("client_secret", client_secret),
            token_endpoint_auth_method="client_secret_post",  # noqa: S106 - the only method GitHub documents
            token_verifier=GitHubTokenVerifier(
                required_scopes=settings.words("required_scopes", required_scopes) or ["user"],
                timeout_seconds=timeout_seconds,
                cache_ttl_seconds=cache_ttl_seconds,
                max_cache_size=max_cache_size,
                http_client=http_client,
            ),
            base_url=settings.required("base_url", base_url),
            http_client=http_client,
            timeout_seconds=timeout_seconds,
            **settings.proxy_options(options),
        )
