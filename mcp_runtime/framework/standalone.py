"""A server that is run by itself: `mcp.run()`, `http_app()`, `custom_route` (FASTMCP 1.9).

The framework knows how to answer requests and not how to carry them. What carries them, over stdio and HTTP, stands
above it and is looked up when a server is first run: the module named by `HOST`, which offers what `Host` says. Inside
a sandbox there is no such module, and nothing to run: the platform has the transport.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from mcp_runtime.framework.errors import FrameworkError

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from mcp_runtime.framework.server import FastMCP

__all__ = ("HOST", "CustomRoute", "Host", "NothingRunsHere", "Standalone", "Transport")

HOST = "mcp_runtime.gateway.standalone"
"""The late-bound module that carries requests: the one thing above the framework that it knows by name."""

Transport = Literal["stdio", "http", "streamable-http", "sse"]
TRANSPORTS = ("stdio", "http", "streamable-http", "sse")

Handler = Callable[[Any], Awaitable[Any]]


class NothingRunsHere(FrameworkError, RuntimeError):
    """A server was to be run where another program does that."""


class CustomRoute:
    """A page beside the MCP endpoint. Whoever reaches the server reaches it: it asks nobody for a credential."""

    def __init__(
        self, path: str, methods: Sequence[str], handler: Handler, name: str | None, *, include_in_schema: bool
    ) -> None:
        if not path.startswith("/"):
            raise ValueError(f"The route {path!r} is no path: begin it with a slash.")
        self.path = path
        self.methods = [method.upper() for method in methods]
        self.handler = handler
        self.name = name
        self.include_in_schema = include_in_schema


class Host(Protocol):
    """What the module at `HOST` offers."""

    def http_app(self, server: FastMCP, **options: Any) -> Starlette: ...

    async def serve_http(self, server: FastMCP, **options: Any) -> None: ...

    async def serve_stdio(self, server: FastMCP, **options: Any) -> None: ...


class Standalone:
    """The part of a server that runs it."""

    run_options: dict[str, Any]

    def run(self, transport: str | None = None, show_banner: bool | None = None, **options: Any) -> None:
        """Serve until interrupted: on stdio, or `transport="http"` or `"sse"` with `host=`, `port=` and `path=`."""
        import asyncio

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            raise RuntimeError("mcp.run() starts an event loop, and one is running: write await mcp.run_async().")
        _host()  # before a loop is started for nothing
        try:
            asyncio.run(self.run_async(transport, show_banner=show_banner, **options))
        except KeyboardInterrupt:
            sys.exit(130)

    async def run_async(self, transport: str | None = None, show_banner: bool | None = None, **options: Any) -> None:
        """`run()` inside a running event loop. Raises ValueError for a transport that there is not."""
        from mcp_runtime.framework.settings import settings

        transport = transport or settings.transport
        if transport == "stdio":
            await self.run_stdio_async(show_banner=show_banner, **options)
        elif transport in TRANSPORTS:
            await self.run_http_async(transport=transport, show_banner=show_banner, **options)
        else:
            raise ValueError(f"Unknown transport: {transport!r}. There are {', '.join(map(repr, TRANSPORTS))}.")

    async def run_stdio_async(self, show_banner: bool | None = None, log_level: str | None = None) -> None:
        """Serve one client on standard input and output; anything else the program prints goes to standard error."""
        await _host().serve_stdio(self._server, show_banner=show_banner, log_level=log_level)

    async def run_http_async(
        self,
        show_banner: bool | None = None,
        transport: str = "http",
        host: str | None = None,
        port: int | None = None,
        log_level: str | None = None,
        path: str | None = None,
        uvicorn_config: Mapping[str, Any] | None = None,
        middleware: Sequence[Any] | None = None,
        json_response: bool | None = None,
        stateless_http: bool | None = None,
        allowed_hosts: Collection[str] | None = None,
        allowed_origins: Collection[str] | None = None,
    ) -> None:
        """Serve over HTTP until interrupted.

        On a loopback address only names of this machine are answered, so that no web page can reach the server by
        pointing a name of its own at it; `allowed_hosts` and `allowed_origins` say otherwise.
        """
        await _host().serve_http(
            self._server,
            show_banner=show_banner,
            transport=transport,
            host=host,
            port=port,
            log_level=log_level,
            path=path,
            uvicorn_config=uvicorn_config,
            middleware=middleware,
            json_response=json_response,
            stateless_http=stateless_http,
            allowed_hosts=allowed_hosts,
            allowed_origins=allowed_origins,
        )

    async def run_sse_async(self, **options: Any) -> None:
        """`run_http_async(transport="sse")`, under its earlier name."""
        await self.run_http_async(transport="sse", **options)

    async def run_streamable_http_async(self, **options: Any) -> None:
        """`run_http_async()`, under its earlier name."""
        await self.run_http_async(**options)

    def http_app(
        self,
        path: str | None = None,
        middleware: Sequence[Any] | None = None,
        json_response: bool | None = None,
        stateless_http: bool | None = None,
        transport: str = "http",
        event_store: Any = None,
        retry_interval: int | None = None,
        allowed_hosts: Collection[str] | None = None,
        allowed_origins: Collection[str] | None = None,
    ) -> Starlette:
        """A Starlette application with the endpoint at `path`. Mounted in another one, hand that one its `lifespan`.

        `event_store` and `retry_interval` are accepted and not needed: what a client missed is kept without them.
        """
        return _host().http_app(
            self._server,
            path=path,
            middleware=middleware,
            json_response=json_response,
            stateless_http=stateless_http,
            transport=transport,
            allowed_hosts=allowed_hosts,
            allowed_origins=allowed_origins,
        )

    def sse_app(self, path: str | None = None, message_path: str | None = None, **options: Any) -> Starlette:
        """`http_app(transport="sse")`, under its earlier name."""
        del message_path  # the client is told where to post; the name is nobody's to remember
        return self.http_app(path, transport="sse", **options)

    def streamable_http_app(self, path: str | None = None, **options: Any) -> Starlette:
        """`http_app()`, under its earlier name."""
        return self.http_app(path, **options)

    def custom_route(
        self, path: str, methods: Sequence[str], name: str | None = None, include_in_schema: bool = True
    ) -> Callable[[Handler], Handler]:
        """Answer HTTP requests for `path` with a function of a Starlette request, such as `/health`.

        No credential is asked for there, whatever `auth=` says.
        """

        def register(handler: Handler) -> Handler:
            self.custom_routes.append(CustomRoute(path, methods, handler, name, include_in_schema=include_in_schema))
            return handler

        return register

    @property
    def custom_routes(self) -> list[CustomRoute]:
        """The pages beside the endpoint, in the order of registration."""
        routes: list[CustomRoute] = self.__dict__.setdefault("_custom_routes", [])
        return routes

    @property
    def _server(self) -> FastMCP:
        return cast("FastMCP", self)


def _host() -> Host:
    try:
        return cast(Host, import_module(HOST))
    except ModuleNotFoundError as error:
        if error.name is None or not HOST.startswith(error.name):
            raise NothingRunsHere(
                f"A server cannot be run here: {error.name} is not installed. Install Stoa with its dependencies."
            ) from error
        raise NothingRunsHere(
            "mcp.run() was called where the platform runs the server. Put the call under "
            '`if __name__ == "__main__":`, or leave it out. To try the server here, use Client(mcp).'
        ) from error
