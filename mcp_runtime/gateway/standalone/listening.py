"""`mcp.run(transport="http")`: a socket, uvicorn, and a word to whoever started it (FASTMCP X-02)."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import uvicorn

from mcp_runtime.framework.settings import settings
from mcp_runtime.gateway.heads import BoundedHeads
from mcp_runtime.gateway.standalone.application import LOOPBACK, http_app
from mcp_runtime.gateway.standalone.banner import print_banner

if TYPE_CHECKING:
    from mcp_runtime.framework.server import FastMCP

GRACE_SECONDS = 2
"""What answers that are being sent may take when the server stops."""


class CannotListen(OSError):
    """The address is taken, or not this machine's."""


async def serve(
    server: FastMCP,
    *,
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
    """Serve until interrupted. Raises CannotListen."""
    chosen = {**settings.model_dump(), **server.run_options}
    host = host or str(chosen["host"])
    port = int(chosen["port"]) if port is None else port
    if allowed_hosts is None and is_loopback(host):
        allowed_hosts = (*LOOPBACK, host)
    app = http_app(
        server,
        path=path,
        middleware=middleware,
        json_response=json_response,
        stateless_http=stateless_http,
        transport=transport,
        allowed_hosts=allowed_hosts,
        allowed_origins=allowed_origins,
    )
    with listen(host, port) as listener:
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            app,
            **{
                "http": BoundedHeads,
                "log_level": (log_level or str(chosen["log_level"])).lower(),
                "timeout_graceful_shutdown": GRACE_SECONDS,
                "lifespan": "on",
                "server_header": False,
                **dict(uvicorn_config or {}),
            },
        )
        if show_banner is None:
            show_banner = settings.show_server_banner
        if show_banner:
            print_banner(server, transport, f"http://{_shown(host)}:{port}{app.path}")
        await uvicorn.Server(config).serve(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises CannotListen, which says what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise CannotListen(
            error.errno, f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with host= and port=."
        ) from error
    except OverflowError:
        listener.close()
        raise ValueError(f"port={port} is no port: they go from 0 to 65535.") from None
    return listener


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(host: str) -> str:
    """As it stands in an address that can be opened here."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
