"""A server behind a provider, and a browser or client that talks to it; all in memory."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx2

from mcp_runtime.framework.auth import AuthProvider
from mcp_runtime.framework.auth.http import Receive, Scope, Send
from mcp_runtime.framework.auth.tokens import current_access_token

BASE = "https://mcp.example.com"


async def whoami(scope: Scope, receive: Receive, send: Send) -> None:
    """What stands behind the guard: tells who the guard says is calling."""
    token = current_access_token.get()
    assert token is not None
    assert scope["state"]["access_token"] is token
    body = json.dumps({"client_id": token.client_id, "scopes": token.scopes, "token": token.token, **token.claims})
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body.encode()})


def site(provider: AuthProvider, mcp_path: str = "/mcp") -> httpx2.AsyncClient:
    """A client of a server whose MCP endpoint is `whoami` behind the provider."""
    routes = {route.path: route for route in provider.get_routes(mcp_path)}
    guarded = provider.protect(whoami, mcp_path)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found: Any = guarded if scope["path"] == mcp_path else routes.get(scope["path"])
        if found is None:
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await found(scope, receive, send)

    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=BASE)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def challenge(answer: httpx2.Response) -> dict[str, str]:
    """The fields of WWW-Authenticate."""
    header = answer.headers["www-authenticate"]
    assert header.startswith("Bearer")
    return dict(re.findall(r'(\w+)="([^"]*)"', header))
