"""An authorization server in this process that asks nobody. For development and tests (FASTMCP A-15)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_runtime.framework.auth.errors import TokenError
from mcp_runtime.framework.auth.grants import (
    AuthorizationCode,
    AuthorizationParams,
    OAuthClient,
    OAuthToken,
    RefreshToken,
    digest,
)
from mcp_runtime.framework.auth.server import OAuthProvider
from mcp_runtime.framework.auth.settings import ClientRegistrationOptions, RevocationOptions
from mcp_runtime.framework.auth.tokens import AccessToken

__all__ = ("InMemoryOAuthProvider",)

_CODE_SECONDS = 60
_ACCESS_SECONDS = 3600
_MOST = 10_000


@dataclass
class _Grant:
    """What one authorization gave: revoked as a whole."""

    access: dict[str, AccessToken]
    refresh: dict[str, RefreshToken]
    revoked: bool = False


class InMemoryOAuthProvider(OAuthProvider):
    """Whoever registers is authorized at once, as the subject `user`. All is forgotten when the process ends."""

    def __init__(
        self,
        *,
        base_url: object = "http://localhost:8000",
        issuer_url: object | None = None,
        resource_base_url: object | None = None,
        service_documentation_url: object | None = None,
        required_scopes: Iterable[str] | None = None,
        valid_scopes: Iterable[str] | None = None,
        client_registration_options: ClientRegistrationOptions | None = None,
        revocation_options: RevocationOptions | None = None,
    ) -> None:
        super().__init__(
            base_url=base_url,
            issuer_url=issuer_url,
            resource_base_url=resource_base_url,
            service_documentation_url=service_documentation_url,
            required_scopes=required_scopes,
            valid_scopes=valid_scopes,
            client_registration_options=client_registration_options,
            revocation_options=revocation_options,
        )
        self.clients: dict[str, OAuthClient] = {}
        self._codes: dict[str, tuple[AuthorizationCode, _Grant]] = {}
        self._used: dict[str, _Grant] = {}
        self._grants: dict[str, _Grant] = {}

    async def get_client(self, client_id: str) -> OAuthClient | None:
        return self.clients.get(client_id)

    async def register_client(self, client: OAuthClient) -> None:
        _keep(self.clients, client.client_id, client)

    async def authorize(self, client: OAuthClient, params: AuthorizationParams) -> str:
        code = secrets.token_urlsafe(32)
        found = AuthorizationCode(
            code=code,
            client_id=client.client_id,
            redirect_uri=params.redirect_uri,
            code_challenge=params.code_challenge,
            scopes=params.scopes,
            expires_at=time.time() + _CODE_SECONDS,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
        )
        _keep(self._codes, digest(code), (found, _Grant({}, {})))
        return self.answer_to_client(params.redirect_uri, params.state, code=code)

    async def load_authorization_code(self, client: OAuthClient, code: str) -> AuthorizationCode | None:
        replayed = self._used.get(digest(code))
        if replayed is not None:
            replayed.revoked = True
        found = self._codes.get(digest(code))
        return None if found is None else found[0]

    async def exchange_authorization_code(self, client: OAuthClient, code: AuthorizationCode) -> OAuthToken:
        found = self._codes.pop(digest(code.code), None)
        if found is None:
            raise TokenError("invalid_grant", "The code is unknown, used or expired.")
        _keep(self._used, digest(code.code), found[1])
        return self._issued(client, found[1], code.scopes)

    async def load_refresh_token(self, client: OAuthClient, token: str) -> RefreshToken | None:
        grant = self._grants.get(digest(token))
        return None if grant is None or grant.revoked else grant.refresh.get(digest(token))

    async def exchange_refresh_token(
        self, client: OAuthClient, token: RefreshToken, scopes: Sequence[str]
    ) -> OAuthToken:
        grant = self._grants.pop(digest(token.token), None)
        if grant is None:
            raise TokenError("invalid_grant", "The refresh token is unknown, used or expired.")
        grant.refresh.pop(digest(token.token), None)
        return self._issued(client, grant, scopes, token.scopes)

    async def load_access_token(self, token: str) -> AccessToken | None:
        grant = self._grants.get(digest(token))
        found = None if grant is None or grant.revoked else grant.access.get(digest(token))
        return None if found is None or found.expired() else found

    async def revoke_token(self, client: OAuthClient, token: str) -> None:
        grant = self._grants.get(digest(token))
        if grant is not None and any(each.client_id == client.client_id for each in _tokens(grant)):
            grant.revoked = True

    def _issued(
        self, client: OAuthClient, grant: _Grant, scopes: Sequence[str], renewable: Sequence[str] | None = None
    ) -> OAuthToken:
        for name in [name for name, token in grant.access.items() if token.expired()]:
            del grant.access[name]
            self._grants.pop(name, None)
        access = secrets.token_urlsafe(32)
        expires = int(time.time()) + _ACCESS_SECONDS
        grant.access[digest(access)] = AccessToken(
            access,
            client.client_id,
            [*scopes],
            expires,
            {"sub": "user", "client_id": client.client_id},
            self.resource_url,
        )
        _keep(self._grants, digest(access), grant)
        refresh = None
        if "refresh_token" in client.grant_types:
            refresh = secrets.token_urlsafe(32)
            kept = RefreshToken(token=refresh, client_id=client.client_id, scopes=[*(renewable or scopes)])
            grant.refresh[digest(refresh)] = kept
            _keep(self._grants, digest(refresh), grant)
        return OAuthToken(
            access_token=access, expires_in=_ACCESS_SECONDS, scope=" ".join(scopes) or None, refresh_token=refresh
        )


def _tokens(grant: _Grant) -> Iterable[AccessToken | RefreshToken]:
    return [*grant.access.values(), *grant.refresh.values()]


def _keep(kept: dict[str, Any], name: str, value: Any) -> None:
    """Bounded: strangers may register and ask as often as they like."""
    kept[name] = value
    while len(kept) > _MOST:
        del kept[next(iter(kept))]
