"""The tokens of an OAuth proxy: its own outside, the identity provider's inside.

An access token is signed, short-lived, good for one MCP endpoint, and names a grant; without the grant it opens
nothing, so that revoking is deleting. Refresh tokens rotate. Real clients refresh twice at the same time: for a while a
used one still works, after that it is taken for stolen and the whole grant ends (SECURITY 0.6).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from mcp_runtime.framework.auth.errors import OAuthError, TokenError
from mcp_runtime.framework.auth.grants import AuthorizationCode, OAuthClient, OAuthToken, RefreshToken
from mcp_runtime.framework.auth.tokens import scopes_of
from mcp_runtime.framework.auth.upstream import UpstreamTokens

if TYPE_CHECKING:
    from mcp_runtime.framework.auth.keys import ProxyKeys
    from mcp_runtime.framework.auth.oauth_proxy import OAuthProxy
    from mcp_runtime.framework.auth.tokens import AccessToken

__all__ = ("Issuing",)

_ACCESS_SECONDS = 3600
_UNRENEWABLE_SECONDS = 24 * 3600
"""For clients that did not ask for refresh tokens, where the provider does not say how long its token lasts."""
_REFRESH_SECONDS = 30 * 24 * 3600
_GRACE_SECONDS = 90
_REPLAY_SECONDS = 600
_LEEWAY_SECONDS = 30


class Issuing:
    def __init__(
        self,
        proxy: OAuthProxy,
        keys: ProxyKeys,
        *,
        access_seconds: int | None,
        fallback_seconds: int | None,
        refresh_seconds: int | None,
        threshold: int,
    ) -> None:
        self._proxy = proxy
        self._keys = keys
        self._store = proxy.store
        self._access_seconds = access_seconds
        self._fallback_seconds = fallback_seconds
        self._refresh_seconds = refresh_seconds or _REFRESH_SECONDS
        self._threshold = threshold
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def exchange(self, client: OAuthClient, code: AuthorizationCode) -> OAuthToken:
        """Raises TokenError when the code was exchanged in the meantime."""
        if not await self._store.codes.delete(code.code):
            raise TokenError("invalid_grant", "The code is unknown, used or expired.")
        await self._store.used_codes.put(code.code, {"grant_id": code.grant_id}, seconds=_REPLAY_SECONDS)
        grant = await self._store.grants.get(code.grant_id)
        if grant is None:
            raise TokenError("invalid_grant", "The login has expired; log in again.")
        return await self._issue(client, code.grant_id, _tokens(grant), code.scopes, code.scopes)

    async def revoke_what_a_replayed_code_gave(self, code: str) -> None:
        used = await self._store.used_codes.get(code)
        if used is not None:
            await self._store.grants.delete(used["grant_id"])

    async def load_refresh_token(self, token: str) -> RefreshToken | None:
        record = await self._store.refresh_tokens.get(token)
        if record is None:
            return None
        used_at = record["used_at"]
        if used_at is not None and time.time() > used_at + _GRACE_SECONDS:
            await self._store.grants.delete(record["grant_id"])
            return None
        return RefreshToken(
            token=token, client_id=record["client_id"], scopes=record["scopes"], grant_id=record["grant_id"]
        )

    async def refresh(self, client: OAuthClient, token: RefreshToken, scopes: Sequence[str]) -> OAuthToken:
        """Raises TokenError when the grant is gone, here or at the identity provider."""
        record = await self._store.refresh_tokens.get(token.token)
        tokens = await self._fresh(token.grant_id)
        if tokens is None or record is None:
            raise TokenError("invalid_grant", "The login has ended; log in again.")
        if record["used_at"] is None:
            used = record | {"used_at": time.time()}
            await self._store.refresh_tokens.put(token.token, used, seconds=self._refresh_seconds)
        return await self._issue(client, token.grant_id, tokens, scopes, token.scopes)

    async def load_access_token(self, token: str) -> AccessToken | None:
        """What the identity provider's verifier says about the token behind this one."""
        claims = self._keys.read(token)
        if claims is None or not self._is_ours(claims):
            return None
        tokens = await self._fresh(claims["grant"])
        found = await self.verified(tokens)
        if found is None:
            return None
        scopes = found.scopes
        if claims.get("narrow"):
            scopes = [scope for scope in scopes if scope in scopes_of(claims)]
        return replace(found, scopes=scopes, resource=self._proxy.resource_url)

    async def verified(self, tokens: UpstreamTokens | None) -> AccessToken | None:
        token = None if tokens is None else self._proxy.token_to_verify(tokens)
        found = None if token is None else await self._proxy.token_verifier.verify_token(token)
        if found is None or tokens is None:
            return None
        if not found.scopes:  # an ID token has none, nor have some access tokens: what was granted counts
            found = replace(found, scopes=tokens.scopes)
        return self._proxy.described(found)

    async def grant(self, client_id: str, tokens: UpstreamTokens) -> str:
        """Keep what the identity provider gave; its name is what codes and tokens refer to."""
        grant_id = secrets.token_urlsafe(32)
        await self._keep(grant_id, client_id, tokens)
        return grant_id

    async def revoke(self, client: OAuthClient, token: str) -> UpstreamTokens | None:
        """End the grant that a token belongs to, if it is this client's; what was inside."""
        record = await self._store.refresh_tokens.get(token) or self._keys.read(token) or {}
        grant_id = record.get("grant_id") or record.get("grant")
        grant = await self._store.grants.get(grant_id) if isinstance(grant_id, str) else None
        if grant is None or grant_id is None or grant["client_id"] != client.client_id:
            return None
        await self._store.grants.delete(grant_id)
        return _tokens(grant)

    def _is_ours(self, claims: dict[str, Any]) -> bool:
        return (
            claims.get("iss") == self._proxy.issuer
            and claims.get("aud") == self._proxy.resource_url
            and isinstance(claims.get("grant"), str)
            and time.time() < claims.get("exp", 0) + _LEEWAY_SECONDS
        )

    async def _issue(
        self,
        client: OAuthClient,
        grant_id: str,
        tokens: UpstreamTokens,
        scopes: Sequence[str],
        renewable: Sequence[str],
    ) -> OAuthToken:
        renews = "refresh_token" in client.grant_types
        seconds = self._lifetime(tokens, renews=renews)
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self._proxy.issuer,
            "aud": self._proxy.resource_url,
            "client_id": client.client_id,
            "scope": " ".join(scopes),
            "iat": now,
            "exp": now + seconds,
            "jti": secrets.token_urlsafe(16),
            "grant": grant_id,
        }
        if set(scopes) < set(renewable):
            claims["narrow"] = True
        refresh = None
        if renews:
            refresh = secrets.token_urlsafe(32)
            record = {
                "grant_id": grant_id,
                "client_id": client.client_id,
                "scopes": [*renewable],
                "used_at": None,
            }
            await self._store.refresh_tokens.put(refresh, record, seconds=self._refresh_seconds)
            await self._keep(grant_id, client.client_id, tokens)
        return OAuthToken(
            access_token=self._keys.sign(claims),
            expires_in=seconds,
            scope=" ".join(scopes) or None,
            refresh_token=refresh,
        )

    def _lifetime(self, tokens: UpstreamTokens, *, renews: bool) -> int:
        if self._access_seconds is not None:
            return self._access_seconds
        left = None if tokens.expires_at is None else max(1, int(tokens.expires_at - time.time()))
        if renews:
            return min(left or self._fallback_seconds or _ACCESS_SECONDS, _ACCESS_SECONDS)
        return left or self._fallback_seconds or _UNRENEWABLE_SECONDS

    async def _fresh(self, grant_id: str) -> UpstreamTokens | None:
        """The grant's tokens, renewed at the identity provider when they have expired and can be."""
        grant = await self._store.grants.get(grant_id)
        if grant is None or not self._needs_renewal(_tokens(grant)):
            return None if grant is None else _tokens(grant)
        lock = self._locks.setdefault(grant_id, asyncio.Lock())
        async with lock:  # providers that rotate end the grant when one refresh token comes twice
            grant = await self._store.grants.get(grant_id)
            if grant is None or not self._needs_renewal(_tokens(grant)):
                return None if grant is None else _tokens(grant)
            try:
                new = await self._proxy.upstream.refresh(_tokens(grant), _tokens(grant).scopes)
            except OAuthError:
                await self._store.grants.delete(grant_id)
                return None
            await self._keep(grant_id, grant["client_id"], new)
            return new

    def _needs_renewal(self, tokens: UpstreamTokens) -> bool:
        return tokens.refresh_token is not None and tokens.expires_within(self._threshold)

    async def _keep(self, grant_id: str, client_id: str, tokens: UpstreamTokens) -> None:
        record = {"client_id": client_id, "tokens": tokens.as_record()}
        await self._store.grants.put(grant_id, record, seconds=self._refresh_seconds)


def _tokens(grant: dict[str, Any]) -> UpstreamTokens:
    return UpstreamTokens.from_record(grant["tokens"])
