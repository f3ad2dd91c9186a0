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
from mcp_runtime.transports.asgi import ASGIApp, Receive, Scope, Send

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
    if transport not in ("http", "streamable-http"):
        raise ValueError(f"There is no HTTP application for the transport {transport!r}; there is one for 'http'.")
    chosen = {**_defaults(), **server.run_options}
    path = _path(path or str(chosen["streamable_http_path"]))
    quiet = chosen["json_response"] if json_response is None else json_response
    gateway = _gateway(server, transport="streamable-http", quiet=bool(quiet))
    endpoint: ASGIApp = _Endpoint(gateway, f"{local.PATH}/mcp")
    beside: list[Any] = []
    if server.auth is not None:
        beside = server.auth.get_routes(path)
        endpoint = server.auth.protect(endpoint, path)
    if allowed_hosts is not None or allowed_origins is not None:
        endpoint = _Neighbourhood(endpoint, allowed_hosts, allowed_origins)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await server.start()
        try:
            yield
        finally:
            await gateway.aclose()
            await server.stop()

    routes: list[BaseRoute] = [Route(path, _Whole(endpoint))]
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
    """Hands a request to the gateway under the address it knows, and keeps the original for `get_http_request()`."""

    def __init__(self, gateway: Gateway, path: str) -> None:
        self._gateway = gateway
        self._path = path

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
        mark = local.current_request.set(Request(scope))
        try:
            await self._gateway(inside, receive, send)
        finally:
            local.current_request.reset(mark)


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
    return Gateway(ports, ports, ports, GatewaySettings(public_url=f"http://{_INSIDE}"), outlet=_nowhere)


def _nowhere(lines: bytes) -> None:
    """Records of calls are a platform's; here uvicorn's own lines tell what happens."""


def _defaults() -> dict[str, Any]:
    return settings.model_dump()


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
