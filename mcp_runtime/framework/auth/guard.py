"""The door of a standalone server: 401 without a valid token, 403 without the scopes (PROTOCOL A-01, A-05, A-09)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mcp_runtime.framework.auth.errors import ProviderUnavailable
from mcp_runtime.framework.auth.http import Response, headers_of
from mcp_runtime.framework.auth.tokens import current_access_token

if TYPE_CHECKING:
    from mcp_runtime.framework.auth.http import ASGIApp, Receive, Scope, Send
    from mcp_runtime.framework.auth.provider import AuthProvider
    from mcp_runtime.framework.auth.tokens import AccessToken

__all__ = ("Guard",)

_MOST_TOKEN_CHARACTERS = 16 * 1024
_TOKEN_IN_QUERY = re.compile(rb"(?:^|&)(?:access_token|api_key)=", re.IGNORECASE)


class Guard:
    """An ASGI application in front of another. Every HTTP request is judged anew; a session id is no substitute."""

    def __init__(self, provider: AuthProvider, app: ASGIApp) -> None:
        self.provider = provider
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        judged = await self._judge(scope)
        if isinstance(judged, Response):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await judged.send(send)
            return
        scope.setdefault("state", {})["access_token"] = judged
        mark = current_access_token.set(judged)
        try:
            await self.app(scope, receive, send)
        finally:
            current_access_token.reset(mark)

    async def _judge(self, scope: Scope) -> AccessToken | Response:
        if _TOKEN_IN_QUERY.search(scope.get("query_string", b"")):
            return self._refusal(
                400, "invalid_request", "A credential must not stand in the URL; send it in the Authorization header."
            )
        credential = self.provider.credential(headers_of(scope))
        if credential is None:
            return self._refusal(401, None, "Authentication is required.")
        try:
            token = None
            if len(credential) <= _MOST_TOKEN_CHARACTERS:
                token = await self.provider.verify_token(credential)
        except ProviderUnavailable:
            body = {"error": "temporarily_unavailable", "error_description": "The token cannot be verified now."}
            return Response.json(body, status=503, headers=[("retry-after", "5")])
        if token is None or token.expired():
            return self._refusal(401, "invalid_token", "The token is not valid here, expired or revoked.")
        missing = [scope for scope in self.provider.required_scopes if scope not in token.scopes]
        if missing:
            return self._refusal(403, "insufficient_scope", f"The token lacks the scope {' '.join(missing)}.")
        return token

    def _refusal(self, status: int, error: str | None, description: str) -> Response:
        fields = {} if error is None else {"error": error, "error_description": description}
        if self.provider.required_scopes:
            fields["scope"] = " ".join(self.provider.required_scopes)
        if self.provider.resource_metadata_url is not None:
            fields["resource_metadata"] = self.provider.resource_metadata_url
        challenge = ", ".join(f'{name}="{_quotable(value)}"' for name, value in fields.items())
        return Response.json(
            {"error": error or "invalid_token", "error_description": description},
            status=status,
            headers=[("www-authenticate", f"Bearer {challenge}".rstrip()), ("cache-control", "no-store")],
        )


def _quotable(value: str) -> str:
    """What may stand between quotes in a header (RFC 6750 section 3: no quote, no backslash, printable ASCII)."""
    return re.sub(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]", "", value)
