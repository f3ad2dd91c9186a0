"""`mcp.http_app()`: the server as a Starlette application that stands alone or inside another one (FASTMCP X-04)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from mcp_runtime.framework.settings import settings
from mcp_runtime.gateway.app import Gateway
from mcp_runtime.gateway.settings import GatewaySettings
from mcp_runtime.gateway.standalone import local
from mcp_runtime.gateway.standalone.local import LocalServer
from mcp_runtime.transports.asgi import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from mcp_runtime.framework.server import FastMCP

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_INSIDE = "standalone.invalid"
"""The host name under which the gateway is asked, which no client can say."""


class Application(Starlette):
    """What `http_app()` returns. Mounted in another application, that one needs `lifespan`."""

    path: str

    @property
    def lifespan(self) -> Callable[[Any], contextlib.AbstractAsyncContextManager[Any]]:
        return self.router.lifespan_context


def http_app(
    server: FastMCP,
    *,
    path: str | None = None,
    middleware: Sequence[Any] | None = None,
    json_response: bool | None = None,
    stateless_http: bool | None = None,
    transport: str = "http",
    allowed_hosts: Collection[str] | None = None,
    allowed_origins: Collection[str] | None = None,
) -> Application:
    """Routes of the endpoint, of `auth=`, and of `@custom_route`. Raises ValueError for a transport without HTTP."""
    if transport not in ("http", "streamable-http", "sse"):
        raise ValueError(f"There is no HTTP application for {transport!r}: there are 'http' and 'sse'.")
    chosen: dict[str, Any] = {**settings.model_dump(), **server.run_options}
    sse = transport == "sse"
    path = _path(path or str(chosen["sse_path" if sse else "streamable_http_path"]))
    stateless = bool(chosen["stateless_http"] if stateless_http is None else stateless_http)
    if sse and stateless:
        raise ValueError("The SSE transport keeps a session for each client: it cannot be stateless.")
    quiet = bool(chosen["json_response"] if json_response is None else json_response)
    gateway = _gateway(server, transport="sse" if sse else "streamable-http", quiet=quiet and not sse)
    doors: dict[str, ASGIApp] = {path: _Endpoint(gateway, "mcp", stateless=stateless)}
    if sse:
        messages = _path(str(chosen["message_path"]))
        doors = {path: _Endpoint(gateway, "sse", messages=messages), messages: _Endpoint(gateway, "messages")}
    beside: list[Any] = []
    if server.auth is not None:
        beside = server.auth.get_routes(path)
        doors = {where: server.auth.protect(door, path) for where, door in doors.items()}
    if allowed_hosts is not None or allowed_origins is not None:
        doors = {where: _Neighbourhood(door, allowed_hosts, allowed_origins) for where, door in doors.items()}

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await server.start()
        try:
            yield
        finally:
            await gateway.aclose()
            await server.stop()

    routes: list[BaseRoute] = [Route(where, _Whole(door)) for where, door in doors.items()]
    routes += [one if isinstance(one, BaseRoute) else Route(one.path, _Whole(one)) for one in beside]
    routes += [
        Route(one.path, one.handler, methods=one.methods, name=one.name, include_in_schema=one.include_in_schema)
        for one in server.custom_routes
    ]
    app = Application(routes=routes, middleware=list(middleware or ()), lifespan=lifespan)
    app.state.fastmcp_server = server
    app.path = path
    return app


class _Whole:
    """An ASGI application as the endpoint of a route, for every method. Starlette takes functions for handlers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


class _Endpoint:
    """Hands a request to the gateway under the address it knows, and keeps the original for `get_http_request()`.

    On the way back, `messages` is put where the gateway's own address stands in a stream's first event, and a
    `stateless` endpoint does not say that there is a session, so that no client comes back to it.
    """

    def __init__(self, gateway: Gateway, door: str, *, messages: str | None = None, stateless: bool = False) -> None:
        self._gateway = gateway
        self._path = f"{local.PATH}/{door}"
        self._messages = messages
        self._stateless = stateless

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = scope.get("state", {}).get("access_token")
        admitted = f"Bearer {local.credential(local.principal(token))}".encode()
        kept = [(name, value) for name, value in scope["headers"] if name not in _REPLACED]
        inside = {
            **scope,
            "path": self._path,
            "raw_path": self._path.encode(),
            "root_path": "",
            "headers": [*kept, (b"host", _INSIDE.encode()), (b"authorization", admitted)],
        }
        if self._messages is not None:
            send = _readdressed(send, str(scope.get("root_path", "")) + self._messages)
        if self._stateless:
            send = _without_session(send)
        mark = local.current_request.set(Request(scope))
        try:
            await self._gateway(inside, receive, send)
        finally:
            local.current_request.reset(mark)


def _readdressed(send: Send, address: str) -> Send:
    """`send`, with `address` where the first event of an HTTP+SSE stream has the gateway's."""
    ours = f"{local.PATH}/messages".encode()
    told = False

    async def sending(message: Message) -> None:
        nonlocal told
        if not told and message["type"] == "http.response.body" and ours in message.get("body", b""):
            message = {**message, "body": message["body"].replace(ours, address.encode(), 1)}
            told = True
        await send(message)

    return sending


def _without_session(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(name, value) for name, value in message["headers"] if name != b"mcp-session-id"]
            message = {**message, "headers": headers}
        await send(message)

    return sending


class _Neighbourhood:
    """Refuses requests that name another host, or that a foreign web page makes (PROTOCOL H-08)."""

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None, origins: Collection[str] | None) -> None:
        self._app = app
        self._hosts = None if hosts is None or "*" in hosts else {host.lower().strip("[]") for host in hosts}
        self._origins = {origin.lower().rstrip("/") for origin in origins or ()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._fault(Request(scope)) if scope["type"] == "http" else None
        if fault is not None:
            body = {"jsonrpc": "2.0", "error": {"code": -32600, "message": fault}}
            await JSONResponse(body, status_code=403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _fault(self, request: Request) -> str | None:
        host = _name(f"//{request.headers.get('host', '')}")
        if self._hosts is not None and host not in self._hosts:
            return f"This server does not answer to that Host. Let it: run(allowed_hosts=[{host!r}])."
        origin = request.headers.get("origin")
        if origin is None or "*" in self._origins or origin.lower() in self._origins:
            return None
        name = _name(origin)
        if name == host or (host in LOOPBACK and name in LOOPBACK):
            return None
        return f"Web pages of that origin may not call this server. Let them: run(allowed_origins=[{origin!r}])."


def _gateway(server: FastMCP, *, transport: str, quiet: bool) -> Gateway:
    ports = LocalServer(server, transport=transport, quiet=quiet)
    settings = GatewaySettings(public_url=f"http://{_INSIDE}")
    return Gateway(ports, ports, ports, settings, outlet=_nowhere, remember=False)


def _nowhere(lines: bytes) -> None:
    """Records of calls are a platform's; here uvicorn's own lines tell what happens."""


def _path(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"path={path!r} is no path: begin it with a slash.")
    return path.rstrip("/") or "/"


def _name(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


_REPLACED = frozenset((b"host", b"origin", b"authorization"))
