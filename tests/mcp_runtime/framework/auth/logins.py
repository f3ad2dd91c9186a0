"""An MCP client that registers, sends its person to log in, and exchanges what comes back."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from mcp_runtime.framework.auth.server import challenge_of

REDIRECT = "http://127.0.0.1:4567/callback"
VERIFIER = "v" * 64


class McpClient:
    """`web` is its way to the server; a browser with the same cookies, unless told otherwise."""

    def __init__(self, web: httpx2.AsyncClient) -> None:
        self.web = web
        self.client_id = ""
        self.state = secrets.token_urlsafe(8)

    async def register(self, **metadata: Any) -> dict[str, Any]:
        answer = await self.web.post(
            "/register",
            json={
                "redirect_uris": [REDIRECT],
                "client_name": "Test client",
                "token_endpoint_auth_method": "none",
                "grant_types": ["authorization_code", "refresh_token"],
                **metadata,
            },
        )
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        self.client_id = found["client_id"]
        return found

    async def authorize(self, **changes: str | None) -> httpx2.Response:
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT,
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
            "state": self.state,
            **changes,
        }
        return await self.web.get("/authorize", params={k: v for k, v in asked.items() if v is not None})

    async def token(self, **fields: str) -> httpx2.Response:
        return await self.web.post("/token", data={"client_id": self.client_id, **fields})

    async def exchange(self, code: str, **changes: str) -> httpx2.Response:
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "redirect_uri": REDIRECT}
        return await self.token(**form | changes)

    async def refresh(self, token: str, **changes: str) -> httpx2.Response:
        return await self.token(grant_type="refresh_token", refresh_token=token, **changes)


def answer_in(response: httpx2.Response) -> dict[str, str]:
    """What a redirect to the client carries."""
    assert response.status_code == 302, response.text
    location = response.headers["location"]
    assert location.startswith(REDIRECT), location
    return {name: value for name, (value,) in parse_qs(urlsplit(location).query).items()}
