"""Logging in without a person: a program that the authorization server knows (RFC 6749 section 4.4, PROTOCOL CC-01).

auth = ClientCredentialsOAuthProvider(client_id="…", client_secret="…")
auth = PrivateKeyJWTOAuthProvider(
    client_id="…", assertion_provider=SignedJWTParameters(…, signing_key=pem).create_assertion_provider()
)
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

import httpx2

from mcp_runtime.client.auth.discovery import challenge_parameters
from mcp_runtime.client.auth.errors import OAuthError
from mcp_runtime.client.auth.grants import Guard, HttpFactory, discover, token_request
from mcp_runtime.client.auth.records import Grant

__all__ = (
    "ClientCredentialsOAuthProvider",
    "PrivateKeyJWTOAuthProvider",
    "SignedJWTParameters",
    "static_assertion_provider",
)

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS = 300


class _Program(httpx2.Auth):
    """Finds out who guards the server from its first refusal, and asks for a token; again when it has ended."""

    def __init__(
        self,
        mcp_url: str | None,
        client: dict[str, Any],
        scopes: str | Sequence[str] | None,
        issuer: str | None,
        httpx_client_factory: HttpFactory | None,
    ) -> None:
        self._url = mcp_url
        self._client = client
        self._scope = scopes if isinstance(scopes, str) or scopes is None else " ".join(scopes)
        self._issuer = issuer
        self._factory: HttpFactory = httpx_client_factory or httpx2.AsyncClient
        self._grant = Grant()
        self._turn = asyncio.Lock()

    def bind(self, url: str) -> None:
        """Say which server this is for. Raises ValueError where it is for another one already."""
        if self._url is not None and self._url != url:
            raise ValueError(f"These credentials are for {self._url}; make others for {url}.")
        self._url = url

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        sent = self._grant.access_token if self._grant.is_valid() else None
        if sent is not None:
            request.headers["Authorization"] = f"Bearer {sent}"
        response = yield request
        if response.status_code != 401:
            return
        await response.aread()
        challenge = challenge_parameters(response.headers.get("www-authenticate", ""))
        request.headers["Authorization"] = f"Bearer {await self._renewed(sent, challenge)}"
        yield request

    async def _renewed(self, sent: str | None, challenge: dict[str, str]) -> str:
        async with self._turn:
            if self._grant.access_token is not None and self._grant.access_token != sent:
                return self._grant.access_token  # another request was faster
            if self._url is None:
                raise OAuthError("These credentials do not know their server yet: give them mcp_url=.")
            async with self._factory(timeout=30.0, follow_redirects=False) as http:
                guard = await discover(http, self._url, challenge)
                if self._issuer is not None and guard.issuer != self._issuer:
                    raise OAuthError(f"{self._url} is guarded by {guard.issuer}, not by {self._issuer}.")
                scope = self._scope or challenge.get("scope") or (" ".join(guard.scopes) if guard.scopes else None)
                form = {"grant_type": "client_credentials", **await self._proof(guard)}
                if scope:
                    form["scope"] = scope
                self._grant.take(await token_request(http, guard, self._client, form), scope)
            return str(self._grant.access_token)

    async def _proof(self, guard: Guard) -> dict[str, str]:
        """What the request says about us beside the client's own authentication."""
        return {}


class ClientCredentialsOAuthProvider(_Program):
    """Proves itself by a secret. `issuer` is the one authorization server that may be shown it."""

    def __init__(
        self,
        mcp_url: str | None = None,
        *,
        client_id: str,
        client_secret: str,
        scopes: str | Sequence[str] | None = None,
        token_endpoint_auth_method: str = "client_secret_basic",  # noqa: S107 - the name of a method
        issuer: str | None = None,
        httpx_client_factory: HttpFactory | None = None,
    ) -> None:
        client = {
            "client_id": client_id,
            "client_secret": client_secret,
            "token_endpoint_auth_method": token_endpoint_auth_method,
        }
        super().__init__(mcp_url, client, scopes, issuer, httpx_client_factory)


class PrivateKeyJWTOAuthProvider(_Program):
    """Proves itself by a signed assertion, which `assertion_provider` makes for the issuer it is called with."""

    def __init__(
        self,
        mcp_url: str | None = None,
        *,
        client_id: str,
        assertion_provider: Callable[[str], Awaitable[str]],
        scopes: str | Sequence[str] | None = None,
        issuer: str | None = None,
        httpx_client_factory: HttpFactory | None = None,
    ) -> None:
        super().__init__(
            mcp_url,
            {"client_id": client_id, "token_endpoint_auth_method": "private_key_jwt"},
            scopes,
            issuer,
            httpx_client_factory,
        )
        self._assertion = assertion_provider

    async def _proof(self, guard: Guard) -> dict[str, str]:
        return {"client_assertion_type": _ASSERTION, "client_assertion": await self._assertion(guard.issuer)}


class SignedJWTParameters:
    """Makes assertions with a private key in PEM."""

    def __init__(
        self,
        *,
        issuer: str,
        subject: str,
        signing_key: str,
        signing_algorithm: str = "RS256",
        lifetime_seconds: int = _ASSERTION_SECONDS,
        additional_claims: dict[str, Any] | None = None,
    ) -> None:
        self._claims = {"iss": issuer, "sub": subject, **(additional_claims or {})}
        self._key = signing_key
        self._algorithm = signing_algorithm
        self._seconds = lifetime_seconds

    def create_assertion_provider(self) -> Callable[[str], Awaitable[str]]:
        """What PrivateKeyJWTOAuthProvider asks for an assertion."""
        return self._assertion

    async def _assertion(self, audience: str) -> str:
        from mcp_runtime.framework.auth.jose import import_key, signed

        now = int(time.time())
        claims = {
            **self._claims,
            "aud": audience,
            "iat": now,
            "exp": now + self._seconds,
            "jti": secrets.token_urlsafe(16),
        }
        return signed(claims, import_key(self._key, self._algorithm), self._algorithm)


def static_assertion_provider(token: str) -> Callable[[str], Awaitable[str]]:
    """An assertion that was made elsewhere, as workload identities are."""

    async def give(audience: str) -> str:
        return token

    return give
