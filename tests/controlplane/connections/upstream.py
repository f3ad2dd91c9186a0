"""Somebody else's MCP server with an authorization server of its own, as strict as the specification."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import uvicorn

from mcp_runtime.framework import FastMCP
from tests.support import wait_until


class Upstream:
    """Refresh tokens work once. `lifetime` is that of the next access token."""

    def __init__(self) -> None:
        mcp = FastMCP("elsewhere")
        mcp.tool(lambda a, b: a + b, name="add")
        self.app: Any = mcp.http_app()
        self.base = ""
        self.lifetime = 3600
        self.clients: dict[str, dict[str, Any]] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.access: set[str] = set()
        self.refresh: set[str] = set()
        self.refreshes = 0
        self.seen: list[str] = []
        self.spoken: list[str] = []
        """Everything secret that it ever said."""

    @property
    def url(self) -> str:
        return f"{self.base}{self.app.path}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] == self.app.path:
            await self._guarded(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status, answer = self._answer(scope["method"], scope["path"], body)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    async def _guarded(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            token = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
            if token not in self.access:
                place = f"{self.base}/.well-known/oauth-protected-resource{self.app.path}"
                challenge = f'Bearer resource_metadata="{place}", scope="adding"'.encode()
                headers = [(b"www-authenticate", challenge)]
                await send({"type": "http.response.start", "status": 401, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
                return
            self.seen.append(token)
        await self.app(scope, receive, send)

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        match method, path:
            case "GET", _ if path.startswith("/.well-known/oauth-protected-resource"):
                return 200, {"resource": self.url, "authorization_servers": [self.base]}
            case "GET", "/.well-known/oauth-authorization-server":
                return 200, {
                    "issuer": self.base,
                    "authorization_endpoint": f"{self.base}/authorize",
                    "token_endpoint": f"{self.base}/token",
                    "registration_endpoint": f"{self.base}/register",
                    "code_challenge_methods_supported": ["S256"],
                    "token_endpoint_auth_methods_supported": ["client_secret_post"],
                    "authorization_response_iss_parameter_supported": True,
                }
            case "POST", "/register":
                client = {"client_id": secrets.token_hex(8), "client_secret": self._secret(), **json.loads(body)}
                self.clients[client["client_id"]] = client
                return 201, client
            case "POST", "/token":
                return self._token(dict(parse_qsl(body.decode())))
        return 404, {}

    def log_in(self, address: str) -> dict[str, str]:
        """What a person's browser brings back from the page at `address`."""
        asked = dict(parse_qsl(urlsplit(address).query))
        client = self.clients[asked["client_id"]]
        assert asked["redirect_uri"] in client["redirect_uris"]
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert (asked["resource"], asked["scope"]) == (self.url, "adding")
        code = self._secret()
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.base}

    def callback(self, address: str) -> str:
        """Where that leads, below our own address."""
        redirect = dict(parse_qsl(urlsplit(address).query))["redirect_uri"]
        return f"{urlsplit(redirect).path}?{urlencode(self.log_in(address))}"

    def _token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        client = self.clients.get(form["client_id"])
        if client is None or form.get("client_secret") != client["client_secret"] or form["resource"] != self.url:
            return 401, {"error": "invalid_client"}
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.refresh:
                return 400, {"error": "invalid_grant"}
            self.refresh.discard(form["refresh_token"])
            self.refreshes += 1
        else:
            asked = self.codes.pop(form["code"], None)
            challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
            if asked is None or challenge.decode() != asked["code_challenge"]:
                return 400, {"error": "invalid_grant"}
        access, refresh = self._secret(), self._secret()
        self.access.add(access)
        self.refresh.add(refresh)
        return 200, {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": self.lifetime,
        }

    def _secret(self) -> str:
        made = secrets.token_urlsafe(24)
        self.spoken.append(made)
        return made


@contextmanager
def serving() -> Iterator[Upstream]:
    upstream = Upstream()
    config = uvicorn.Config(upstream, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        upstream.base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        yield upstream
    finally:
        server.should_exit = True
        thread.join()
