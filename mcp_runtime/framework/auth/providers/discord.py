"""Discord (FASTMCP A-15)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Unpack

from mcp_runtime.framework.auth.environment import Settings
from mcp_runtime.framework.auth.oauth_proxy import OAuthProxy, ProxyOptions
from mcp_runtime.framework.auth.providers.userinfo import AskingVerifier
from mcp_runtime.framework.auth.tokens import AccessToken, scopes_of

if TYPE_CHECKING:
    import httpx2

__all__ = ("DiscordProvider", "DiscordTokenVerifier")

_AUTHORIZE = "https://discord.com/oauth2/authorize"
_TOKEN = "https://discord.com/api/oauth2/token"  # noqa: S105 - an address
_REVOKE = "https://discord.com/api/oauth2/token/revoke"
_ABOUT = "https://discord.com/api/oauth2/@me"


class DiscordTokenVerifier(AskingVerifier):
    """Asks what a token is about; it must have been given to this application."""

    def __init__(
        self,
        *,
        expected_client_id: str,
        required_scopes: Iterable[str] | None = None,
        timeout_seconds: float | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        super().__init__(required_scopes=required_scopes, timeout_seconds=timeout_seconds, http_client=http_client)
        self.expected_client_id = expected_client_id

    async def ask(self, token: str) -> AccessToken | None:
        answer = await self.about(_ABOUT, token)
        said: dict[str, Any] = {} if answer is None else answer.json()
        application = said.get("application") or {}
        if str(application.get("id")) != self.expected_client_id:
            return None
        user = said.get("user") or {}
        claims = {
            "sub": str(user.get("id", "")),
            **{k: user[k] for k in ("username", "global_name", "avatar") if k in user},
        }
        return AccessToken(
            token, self.expected_client_id, scopes_of(said, "scopes"), _seconds(said.get("expires")), claims
        )


class DiscordProvider(OAuthProxy):
    """People log in with Discord."""

    def __init__(
        self,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        base_url: object | None = None,
        required_scopes: Iterable[str] | None = None,
        timeout_seconds: float | None = None,
        http_client: httpx2.AsyncClient | None = None,
        **options: Unpack[ProxyOptions],
    ) -> None:
        settings = Settings("DiscordProvider", "DISCORD")
        own_id = settings.required("client_id", client_id)
        super().__init__(
            upstream_authorization_endpoint=_AUTHORIZE,
            upstream_token_endpoint=_TOKEN,
            upstream_revocation_endpoint=_REVOKE,
            upstream_client_id=own_id,
            upstream_client_secret=settings.required("client_secret", client_secret),
            token_verifier=DiscordTokenVerifier(
                expected_client_id=own_id,
                required_scopes=settings.words("required_scopes", required_scopes) or ["identify"],
                timeout_seconds=timeout_seconds,
                http_client=http_client,
            ),
            base_url=settings.required("base_url", base_url),
            timeout_seconds=timeout_seconds,
            http_client=http_client,
            **settings.proxy_options(options),
        )


def _seconds(moment: object) -> int | None:
    try:
        return int(datetime.fromisoformat(str(moment)).timestamp())
    except ValueError:
        return None
