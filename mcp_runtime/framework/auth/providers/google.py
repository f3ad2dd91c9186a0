"""Google (FASTMCP A-01)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Unpack

from mcp_runtime.framework.auth.environment import Settings
from mcp_runtime.framework.auth.oauth_proxy import OAuthProxy, ProxyOptions
from mcp_runtime.framework.auth.provider import words
from mcp_runtime.framework.auth.providers.userinfo import AskingVerifier
from mcp_runtime.framework.auth.tokens import AccessToken, scopes_of, seconds_of

if TYPE_CHECKING:
    import httpx2

__all__ = ("GoogleProvider", "GoogleTokenVerifier")

_AUTHORIZE = "https://accounts.google.com/o/oauth2/v2/auth"
_TOKEN = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_REVOKE = "https://oauth2.googleapis.com/revoke"
_TOKENINFO = "https://oauth2.googleapis.com/tokeninfo"
_USERINFO = "https://openidconnect.googleapis.com/v1/userinfo"
_LONG_NAMES = {scope: f"https://www.googleapis.com/auth/userinfo.{scope}" for scope in ("email", "profile")}


class GoogleTokenVerifier(AskingVerifier):
    """Asks tokeninfo, with the token in the body and never in the address. `audience`: whose tokens are accepted."""

    def __init__(
        self,
        *,
        required_scopes: Iterable[str] | None = None,
        audience: str | Iterable[str] | None = None,
        timeout_seconds: float | None = None,
        cache_ttl_seconds: float | None = None,
        max_cache_size: int | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        super().__init__(
            required_scopes=[_LONG_NAMES.get(scope, scope) for scope in words(required_scopes)],
            timeout_seconds=timeout_seconds,
            cache_ttl_seconds=cache_ttl_seconds,
            max_cache_size=max_cache_size,
            http_client=http_client,
        )
        self.audiences = None if audience is None else words(audience)

    async def ask(self, token: str) -> AccessToken | None:
        answer = await self.fetcher.post(_TOKENINFO, {"access_token": token})
        if not answer.ok:
            return None
        said = answer.json()
        if self.audiences is not None and said.get("aud") not in self.audiences:
            return None
        claims: dict[str, Any] = {name: said[name] for name in ("sub", "aud", "azp", "email") if name in said}
        if "sub" not in claims:
            return None
        profile = await self.about(_USERINFO, token)
        if profile is not None:
            known = profile.json()
            names = ("name", "given_name", "family_name", "picture", "locale", "email", "email_verified", "hd")
            claims |= {name: known[name] for name in names if name in known}
        scopes = [_LONG_NAMES.get(scope, scope) for scope in scopes_of(said, "scope")]
        return AccessToken(token, str(said.get("aud", "unknown")), scopes, seconds_of(said.get("exp")), claims)


class GoogleProvider(OAuthProxy):
    """People log in with Google. Scopes may be short: `openid`, `email`, `profile`."""

    def __init__(
        self,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        base_url: object | None = None,
        required_scopes: Iterable[str] | None = None,
        extra_authorize_params: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        cache_ttl_seconds: float | None = None,
        max_cache_size: int | None = None,
        http_client: httpx2.AsyncClient | None = None,
        **options: Unpack[ProxyOptions],
    ) -> None:
        settings = Settings("GoogleProvider", "GOOGLE")
        own_id = settings.required("client_id", client_id)
        super().__init__(
            upstream_authorization_endpoint=_AUTHORIZE,
            upstream_token_endpoint=_TOKEN,
            upstream_revocation_endpoint=_REVOKE,
            upstream_client_id=own_id,
            upstream_client_secret=settings.required("client_secret", client_secret),
            token_verifier=GoogleTokenVerifier(
                required_scopes=settings.words("required_scopes", required_scopes) or ["openid"],
                audience=own_id,
                timeout_seconds=timeout_seconds,
                cache_ttl_seconds=cache_ttl_seconds,
                max_cache_size=max_cache_size,
                http_client=http_client,
            ),
            base_url=settings.required("base_url", base_url),
            # Google gives a refresh token only to who asks for one, and only after asking the person again.
            extra_authorize_params={"access_type": "offline", "prompt": "consent", **(extra_authorize_params or {})},
            http_client=http_client,
            timeout_seconds=timeout_seconds,
            **settings.proxy_options(options),
        )
