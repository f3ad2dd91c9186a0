"""The way of a person through an OAuth proxy: asked here, logged in there, sent back with a code.

Bound together from end to end: the request of one client, with its redirect and scopes; the browser that was shown the
page, by a cookie that page scripts and other sites do not see; the answer of the provider, by a state that exists only
once the person agreed, works once and for ten minutes (PROTOCOL O-11, O-13; GHSA-rww4-4w9c-7733 is what happens else).
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import replace
from hmac import compare_digest
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mcp_runtime.framework.auth.errors import OAuthError, ProviderUnavailable
from mcp_runtime.framework.auth.grants import AuthorizationParams, OAuthClient, digest
from mcp_runtime.framework.auth.http import Request, Response, Route
from mcp_runtime.framework.auth.pages import consent_page, error_page
from mcp_runtime.framework.auth.server import challenge_of

if TYPE_CHECKING:
    from mcp_runtime.framework.auth.keys import ProxyKeys
    from mcp_runtime.framework.auth.oauth_proxy import OAuthProxy

__all__ = ("Login",)

_SECONDS = 600
_CODE_SECONDS = 60
_COOKIE = re.compile(r"[A-Za-z0-9_\-]{43}")
_STALE = (
    "This login has expired, was completed already, or was begun in another browser. Start again in your application."
)


class Login:
    def __init__(
        self,
        proxy: OAuthProxy,
        keys: ProxyKeys,
        *,
        asks: bool,
        csp: str | None,
        forward_pkce: bool,
        forward_resource: bool,
    ) -> None:
        self._proxy = proxy
        self._keys = keys
        self._store = proxy.store
        self._asks = asks
        self._csp = csp
        self._forward_pkce = forward_pkce
        self._forward_resource = forward_resource
        self._origin = _origin(str(proxy.base_url))
        self._secure = self._origin.startswith("https://")
        self._cookie = "__Host-mcp_login" if self._secure else "mcp_login"

    def routes(self) -> list[Route]:
        return [
            Route("/consent", self._serve_consent, ("GET", "POST")),
            Route(self._proxy.redirect_path, self._serve_callback),
        ]

    async def begin(self, client: OAuthClient, params: AuthorizationParams) -> str:
        """Keep the request; where the browser goes to be asked."""
        txn_id = secrets.token_urlsafe(32)
        record = {
            "client_id": client.client_id,
            "client_name": client.client_name,
            "redirect_uri": params.redirect_uri,
            "explicit": params.redirect_uri_provided_explicitly,
            "state": params.state,
            "challenge": params.code_challenge,
            "scopes": params.scopes,
            "resource": params.resource,
        }
        await self._store.transactions.put(txn_id, record, seconds=_SECONDS)
        return f"{self._proxy.base_url}/consent?txn_id={txn_id}"

    async def _serve_consent(self, request: Request) -> Response:
        await self._keys.ready()
        try:
            if request.method == "POST":
                return await self._decide(request)
            return await self._ask(request)
        except OAuthError as error:
            return error_page(error.error_description or error.error, status=error.status)
        except ProviderUnavailable:
            return error_page("The identity provider does not answer. Try again in a moment.", status=503)

    async def _ask(self, request: Request) -> Response:
        txn_id = request.query.get("txn_id", "")
        txn = await self._store.transactions.get(txn_id)
        if txn is None:
            return error_page(_STALE)
        browser = request.cookies().get(self._cookie, "")
        if not _COOKIE.fullmatch(browser):
            browser = secrets.token_urlsafe(32)
        cookie = ("set-cookie", self._cookie_of(browser))
        if not self._asks:
            return await self._send_on(txn_id, browser, cookie)
        return consent_page(
            server=str(self._proxy.resource_url),
            client=txn["client_name"],
            redirect_uri=txn["redirect_uri"],
            scopes=txn["scopes"],
            txn_id=txn_id,
            csrf=self._csrf(txn_id, txn, browser),
            headers=[cookie],
            csp=self._csp,
        )

    async def _decide(self, request: Request) -> Response:
        form = request.form()
        txn_id = form.get("txn_id", "")
        txn = await self._store.transactions.get(txn_id)
        browser = request.cookies().get(self._cookie, "")
        if txn is None or not browser or request.headers.get("origin", self._origin) != self._origin:
            return error_page(_STALE)
        if not compare_digest(self._csrf(txn_id, txn, browser), form.get("csrf", "")):
            return error_page(_STALE)
        if form.get("action") == "approve":
            return await self._send_on(txn_id, browser, ("set-cookie", self._cookie_of(browser)))
        await self._store.transactions.delete(txn_id)
        return self._refused(txn, "access_denied", "The person did not allow it.")

    async def _send_on(self, txn_id: str, browser: str, cookie: tuple[str, str]) -> Response:
        """To the identity provider, with a state that only this browser can bring back."""
        txn = await self._store.transactions.take(txn_id)
        if txn is None:
            return error_page(_STALE)
        state = secrets.token_urlsafe(32)
        verifier = secrets.token_urlsafe(48) if self._forward_pkce else None
        url = await self._proxy.upstream.authorize_url(
            redirect_uri=self._callback_url,
            state=state,
            scopes=self._proxy.upstream_scopes(txn["scopes"]),
            challenge=None if verifier is None else challenge_of(verifier),
            resource=txn["resource"] if self._forward_resource else None,
        )
        record = {**txn, "browser": digest(browser), "verifier": verifier}
        await self._store.states.put(state, record, seconds=_SECONDS)
        return Response.redirect(url, headers=[cookie, ("referrer-policy", "no-referrer")])

    async def _serve_callback(self, request: Request) -> Response:
        await self._keys.ready()
        record = await self._store.states.get(request.query.get("state", ""))
        browser = request.cookies().get(self._cookie, "")
        if record is None or not compare_digest(record["browser"], digest(browser)):
            return error_page(_STALE)
        if not await self._store.states.delete(request.query["state"]):
            return error_page(_STALE)
        endpoints = await self._proxy.upstream_endpoints()
        if not endpoints.sent(request.query.get("iss")):
            return error_page("The answer came from another identity provider than the one that was asked.")
        if "error" in request.query or "code" not in request.query:
            refused = request.query.get("error") == "access_denied"
            return self._refused(record, "access_denied" if refused else "server_error", "The login did not succeed.")
        try:
            return await self._back_to_client(record, request.query["code"])
        except OAuthError:
            return self._refused(record, "server_error", "The identity provider refused the login.")
        except ProviderUnavailable:
            return self._refused(record, "temporarily_unavailable", "The identity provider does not answer.")

    async def _back_to_client(self, record: dict[str, Any], upstream_code: str) -> Response:
        tokens = await self._proxy.upstream.exchange(
            upstream_code, redirect_uri=self._callback_url, verifier=record["verifier"]
        )
        if not tokens.scopes:  # then it is what was asked for (RFC 6749 section 5.1)
            tokens = replace(tokens, scopes=record["scopes"])
        if await self._proxy.issuing.verified(tokens) is None:
            return self._refused(record, "access_denied", "The identity provider's token is not one for this server.")
        code = secrets.token_urlsafe(32)
        kept = {
            "client_id": record["client_id"],
            "redirect_uri": record["redirect_uri"],
            "redirect_uri_provided_explicitly": record["explicit"],
            "code_challenge": record["challenge"],
            "scopes": record["scopes"],
            "resource": record["resource"],
            "expires_at": time.time() + _CODE_SECONDS,
            "grant_id": await self._proxy.issuing.grant(record["client_id"], tokens),
        }
        await self._store.codes.put(code, kept, seconds=_CODE_SECONDS)
        return Response.redirect(self._proxy.answer_to_client(record["redirect_uri"], record["state"], code=code))

    def _refused(self, txn: dict[str, Any], error: str, description: str) -> Response:
        fields = {"error": error, "error_description": description}
        return Response.redirect(self._proxy.answer_to_client(txn["redirect_uri"], txn["state"], **fields))

    @property
    def _callback_url(self) -> str:
        return f"{self._proxy.base_url}{self._proxy.redirect_path}"

    def _csrf(self, txn_id: str, txn: dict[str, Any], browser: str) -> str:
        return self._keys.proof(
            "consent", txn_id, browser, txn["client_id"], txn["redirect_uri"], " ".join(txn["scopes"])
        )

    def _cookie_of(self, browser: str) -> str:
        secure = "; Secure" if self._secure else ""
        return f"{self._cookie}={browser}; Path=/; Max-Age={_SECONDS}; HttpOnly; SameSite=Lax{secure}"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
