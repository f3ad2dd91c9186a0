"""Opaque tokens, asked about at the authorization server that issued them (RFC 7662; FASTMCP A-15)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from mcp_runtime.framework.auth.answers import AnswerCache
from mcp_runtime.framework.auth.environment import Settings
from mcp_runtime.framework.auth.errors import ProviderUnavailable, WrongSetting
from mcp_runtime.framework.auth.fetch import Fetcher
from mcp_runtime.framework.auth.provider import TokenVerifier
from mcp_runtime.framework.auth.tokens import AccessToken, scopes_of, seconds_of

if TYPE_CHECKING:
    import httpx2

__all__ = ("IntrospectionTokenVerifier",)


class IntrospectionTokenVerifier(TokenVerifier):
    """Asks `introspection_url` about each token; answers may be kept for `cache_ttl_seconds`, else not at all."""

    def __init__(
        self,
        *,
        introspection_url: object | None = None,
        client_id: str | None = None,
        client_secret: object | None = None,
        client_auth_method: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic",
        timeout_seconds: float = 10,
        required_scopes: Iterable[str] | None = None,
        audience: str | Iterable[str] | None = None,
        base_url: object | None = None,
        cache_ttl_seconds: float | None = None,
        max_cache_size: int | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        settings = Settings("IntrospectionTokenVerifier", "INTROSPECTION")
        super().__init__(settings.text("base_url", base_url), settings.words("required_scopes", required_scopes))
        if client_auth_method not in ("client_secret_basic", "client_secret_post"):
            raise WrongSetting(f"client_auth_method={client_auth_method!r} is neither basic nor post.")
        secret = client_secret.get_secret_value() if hasattr(client_secret, "get_secret_value") else client_secret
        self.introspection_url = settings.required("introspection_url", introspection_url)
        self.client_id = settings.required("client_id", client_id)
        self._secret = settings.required("client_secret", secret)
        self._by_basic = client_auth_method == "client_secret_basic"
        self.audiences = settings.words("audience", audience)
        self._fetcher = Fetcher(http_client, seconds=timeout_seconds)
        self._answers = AnswerCache(cache_ttl_seconds, max_cache_size)

    async def verify_token(self, token: str) -> AccessToken | None:
        return await self._answers.get(token, self._ask)

    async def _ask(self, token: str) -> AccessToken | None:
        form = {"token": token, "token_type_hint": "access_token"}
        if not self._by_basic:
            form |= {"client_id": self.client_id, "client_secret": self._secret}
        answer = await self._fetcher.post(
            self.introspection_url, form, basic=(self.client_id, self._secret) if self._by_basic else None
        )
        if not answer.ok:  # it does not say anything about the token: our own credentials are wrong
            raise ProviderUnavailable(f"The introspection endpoint answered {answer.status}.")
        said = answer.json()
        if said.get("active") is not True:
            return None
        audience = said.get("aud")
        given = [audience] if isinstance(audience, str) else audience or []
        if self.audiences is not None and not any(each in self.audiences for each in given):
            return None
        client = str(said.get("client_id") or said.get("sub") or "unknown")
        found = AccessToken(token, client, scopes_of(said, "scope"), seconds_of(said.get("exp")), said)
        return None if found.expired() else found
