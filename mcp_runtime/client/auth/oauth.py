"""Logging in with a browser: OAuth 2.1 with PKCE, as an auth object of httpx2 (FASTMCP CL-20, PROTOCOL 5.4).

    client = Client("https://host/t/acme/weather/mcp", auth="oauth")
    client = Client(url, auth=OAuth(scopes=["mcp:call"], token_storage=DiskStore(directory="~/.tokens")))

Whoever guards the server is found out from its first refusal. Tokens are kept in memory, or encrypted in the store
given; they are renewed in time, and asked for anew, with more scopes, when the server says so.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2

from mcp_runtime.client.auth.callback import CallbackServer, free_port
from mcp_runtime.client.auth.discovery import challenge_parameters, secure
from mcp_runtime.client.auth.errors import OAuthError
from mcp_runtime.client.auth.grants import Guard, HttpFactory, discover, register, token_request
from mcp_runtime.client.auth.records import Grant, GrantStore

__all__ = ("OAuth",)

_MOST_STEPS = 3
"""How often one request may be answered with a demand for more before that is final (U-03)."""


class OAuth(httpx2.Auth):
    """Subclass it and write `redirect_handler` and `callback_handler` to log in without a browser on this machine."""

    def __init__(
        self,
        mcp_url: str | None = None,
        scopes: str | Sequence[str] | None = None,
        client_name: str = "Stoa Client",
        token_storage: Any = None,
        additional_client_metadata: Mapping[str, Any] | None = None,
        callback_port: int | None = None,
        callback_host: str = "localhost",
        callback_timeout: float = 300.0,
        httpx_client_factory: HttpFactory | None = None,
        client_metadata_url: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
    ) -> None:
        self._url: str | None = None
        self._scope = scopes if isinstance(scopes, str) or scopes is None else " ".join(scopes)
        self._client_name = client_name
        self._metadata = dict(additional_client_metadata or {})
        self._port = callback_port
        self._host = callback_host
        self._patience = callback_timeout
        self._factory: HttpFactory = httpx_client_factory or httpx2.AsyncClient
        self._document = client_metadata_url
        self._given: dict[str, Any] | None = (
            None if client_id is None else {"client_id": client_id, "client_secret": client_secret}
        )
        self._store = GrantStore(token_storage)
        self._grant: Grant | None = None
        self._guard: Guard | None = None
        self._turn = asyncio.Lock()
        self._callback: CallbackServer | None = None
        if mcp_url is not None:
            self.bind(mcp_url)

    def bind(self, url: str) -> None:
        """Say which server this is for. Raises ValueError where it is for another one already."""
        if self._url is not None and self._url != url:
            raise ValueError(f"This OAuth() is for {self._url}; make another one for {url}.")
        self._url = url

    async def redirect_handler(self, authorization_url: str) -> None:
        """Have the person look at this page."""
        import webbrowser

        print(f"Log in at {authorization_url}")  # noqa: T201 - where no browser opens, the person needs the address
        await asyncio.to_thread(webbrowser.open, authorization_url)

    async def callback_handler(self) -> Mapping[str, str] | tuple[str, str | None]:
        """What the log-in came to: the parameters of the redirect, or the code and the state."""
        if self._callback is None:
            raise OAuthError("No log-in was begun.")
        return await self._callback.answer(self._patience)

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send the request with a token, and do what the server asks for to accept it."""
        sent = await self._ready()
        for _ in range(_MOST_STEPS):
            if sent is not None:
                request.headers["Authorization"] = f"Bearer {sent}"
            response = yield request
            challenge = challenge_parameters(response.headers.get("www-authenticate", ""))
            more = response.status_code == 403 and challenge.get("error") == "insufficient_scope"
            if response.status_code != 401 and not (more and self._lacks(challenge)):
                return
            await response.aread()
            sent = await self._renewed(sent, challenge, more=more)
        request.headers["Authorization"] = f"Bearer {sent}"
        yield request

    def _lacks(self, challenge: dict[str, str]) -> bool:
        """Whether a token could be had that meets the demand: one with the same scopes would be refused again."""
        granted = set(((self._grant and self._grant.scope) or "").split())
        return not granted or not granted.issuperset(challenge.get("scope", "").split())

    # Getting a token.

    async def _ready(self) -> str | None:
        """The token at hand, renewed if it is about to end; None where there is none."""
        async with self._turn:
            grant = await self._known()
            if grant.is_valid() or grant.refresh_token is None:
                return grant.access_token if grant.is_valid() else None
            if self._guard is None or grant.issuer != self._guard.issuer:
                return None  # who guards the server is found out from its refusal
            async with self._factory(timeout=30.0, follow_redirects=False) as http:
                await self._refreshed(http, self._guard, grant)
            return grant.access_token

    async def _renewed(self, sent: str | None, challenge: dict[str, str], *, more: bool) -> str:
        """A token in place of the one that was refused."""
        async with self._turn:
            grant = await self._known()
            if grant.is_valid() and grant.access_token != sent:
                return str(grant.access_token)  # another request was faster
            async with self._factory(timeout=30.0, follow_redirects=False) as http:
                try:
                    return await self._asked(http, grant, challenge, more=more)
                except httpx2.HTTPError as error:
                    raise OAuthError(f"The log-in failed: {str(error) or type(error).__name__}.") from error

    async def _asked(self, http: httpx2.AsyncClient, grant: Grant, challenge: dict[str, str], *, more: bool) -> str:
        guard = self._guard = await discover(http, self._server(), challenge)
        if grant.issuer is not None and grant.issuer != guard.issuer:
            grant.forget(client=True)  # another authorization server: nothing of the old one is shown to it (U-05)
        grant.issuer = guard.issuer
        if not more and grant.refresh_token is not None and await self._refreshed(http, guard, grant):
            return str(grant.access_token)
        scope = self._wanted(guard, grant, challenge, more=more)
        await self._logged_in(http, guard, grant, scope)
        await self._store.write(self._server(), grant)
        return str(grant.access_token)

    async def _refreshed(self, http: httpx2.AsyncClient, guard: Guard, grant: Grant) -> bool:
        form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token or ""}
        try:
            answer = await token_request(http, guard, grant.client or {}, form)
        except OAuthError as error:
            grant.forget(client=error.code == "invalid_client" and self._given is None)
            grant.issuer = guard.issuer
            return False
        grant.take(answer, None)
        await self._store.write(self._server(), grant)
        return True

    async def _logged_in(self, http: httpx2.AsyncClient, guard: Guard, grant: Grant, scope: str | None) -> None:
        """Have the person log in, and exchange what comes back for tokens."""
        metadata = guard.metadata
        if "S256" not in (metadata.get("code_challenge_methods_supported") or ()):
            raise OAuthError(f"The authorization server {guard.issuer} does not offer PKCE with S256; it is not used.")
        port = self._port or grant.port or free_port()
        if self._given is not None:
            grant.client = self._given
        redirect = f"http://{self._host}:{port}/callback"
        if grant.client is None:
            grant.client = await register(http, guard, self._about_us(redirect, scope), self._document)
            grant.port = port
        verifier, state = secrets.token_urlsafe(64), secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": grant.client["client_id"],
            "redirect_uri": redirect,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "resource": guard.resource,
            "scope": scope,
            "prompt": "consent" if "offline_access" in (scope or "").split() else None,
        }
        page = secure(metadata.get("authorization_endpoint"), "authorization_endpoint")
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        async with CallbackServer(port, state) as self._callback:
            await self.redirect_handler(f"{page}{'&' if urlsplit(page).query else '?'}{query}")
            code = _code(await self.callback_handler(), guard, state)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": verifier,
        }
        grant.take(await token_request(http, guard, grant.client, form), scope)

    def _about_us(self, redirect: str, scope: str | None) -> dict[str, Any]:
        about = {
            "client_name": self._client_name,
            "redirect_uris": [redirect],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
        }
        return about | ({} if scope is None else {"scope": scope}) | self._metadata

    def _wanted(self, guard: Guard, grant: Grant, challenge: dict[str, str], *, more: bool) -> str | None:
        """The scopes to ask for: what the server demands, else what we were told, else what it offers (U-03).

        Where it demands more, together with those already granted: a narrower token would be refused elsewhere.
        """
        demanded = challenge.get("scope")
        if demanded is None:
            demanded = self._scope
        if demanded is None and guard.scopes is not None:
            demanded = " ".join(guard.scopes)
        scopes = (grant.scope or "").split() if more else []
        scopes += [scope for scope in (demanded or "").split() if scope not in scopes]
        if "offline_access" in (guard.metadata.get("scopes_supported") or ()) and "offline_access" not in scopes:
            scopes.append("offline_access")
        return " ".join(scopes) or None

    async def _known(self) -> Grant:
        if self._grant is None:
            self._grant = await self._store.read(self._server())
        return self._grant

    def _server(self) -> str:
        if self._url is None:
            raise OAuthError("OAuth() does not know its server yet: give it mcp_url=, or give it to a Client.")
        return self._url


def _code(answer: Mapping[str, str] | tuple[str, str | None], guard: Guard, state: str) -> str:
    """The code in what a log-in came to. Raises OAuthError (U-04, RFC 9207)."""
    if isinstance(answer, tuple):
        answer = {"code": answer[0], "state": answer[1] or ""}
    if not hmac.compare_digest(answer.get("state", "").encode(), state.encode()):
        raise OAuthError("The answer of the log-in is not to the question asked: its state differs.")
    issuer = answer.get("iss")
    if issuer is None:
        if guard.metadata.get("authorization_response_iss_parameter_supported") is True:
            raise OAuthError("The answer of the log-in does not say who gave it (iss), as it should.")
    elif issuer != guard.issuer:
        raise OAuthError("The answer of the log-in was given by another authorization server (iss).")
    if "error" in answer:
        described = answer.get("error_description")
        reason = f"{answer['error']}: {described}" if described else answer["error"]
        raise OAuthError(f"The log-in was refused: {reason}.", code=answer["error"])
    code = answer.get("code")
    if not code:
        raise OAuthError("The answer of the log-in has no code.")
    return code
