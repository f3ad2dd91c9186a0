"""Hugging Face (FASTMCP A-15)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Unpack

from mcp_runtime.framework.auth.environment import Settings
from mcp_runtime.framework.auth.oauth_proxy import OAuthProxy, ProxyOptions
from mcp_runtime.framework.auth.providers.userinfo import AskingVerifier
from mcp_runtime.framework.auth.tokens import AccessToken, scopes_of

if TYPE_CHECKING:
    import httpx2

__all__ = ("HuggingFaceProvider", "HuggingFaceTokenVerifier")

_HOME = "https://huggingface.co/oauth"


class HuggingFaceTokenVerifier(AskingVerifier):
    """Asks userinfo."""

    async def ask(self, token: str) -> AccessToken | None:
        answer = await self.about(f"{_HOME}/userinfo", token)
        user = None if answer is None else answer.json()
        if user is None or "sub" not in user:
            return None
        return AccessToken(token, str(user["sub"]), scopes_of(user, "scope"), None, user)


class HuggingFaceProvider(OAuthProxy):
    """People log in with Hugging Face. Public applications have no secret; they need `jwt_signing_key`."""

    def __init__(
        self,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        base_url: object | None = None,
        required_scopes: Iterable[str] | None = None,
        extra_authorize_params: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        http_client: httpx2.AsyncClient | None = None,
        **options: Unpack[ProxyOptions],
    ) -> None:
        settings = Settings("HuggingFaceProvider", "HUGGINGFACE")
        super().__init__(
            upstream_authorization_endpoint=f"{_HOME}/authorize",
            upstream_token_endpoint=f"{_HOME}/token",
            upstream_client_id=settings.required("client_id", client_id),
            upstream_client_secret=settings.text("client_secret", client_secret),
            token_verifier=HuggingFaceTokenVerifier(
                required_scopes=settings.words("required_scopes", required_scopes) or ["openid", "profile"],
                timeout_seconds=timeout_seconds,
                http_client=http_client,
            ),
            base_url=settings.required("base_url", base_url),
            extra_authorize_params=extra_authorize_params,
            timeout_seconds=timeout_seconds,
            http_client=http_client,
            **settings.proxy_options(options),
        )
