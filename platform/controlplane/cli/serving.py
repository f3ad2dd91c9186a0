"""`stoa web`: the web process of an installation, which leaves no request unanswered when it is stopped.

At SIGTERM it takes no new connection, ends the streams that only wait (their clients are told to come back at once, and
another process answers them), and lets calls finish for `STOA_DRAIN_SECONDS`. Only then it stops.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import os
import socket
import sys
from collections.abc import Sequence

import uvicorn

from mcp_runtime.gateway.heads import BoundedHeads


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    from django.conf import settings

    server = DrainingServer(
        uvicorn.Config(
            "controlplane.asgi:application",
            host=options.host,
            port=options.port,
            fd=options.fd,
            loop="uvloop",
            http=BoundedHeads,
            ws="websockets-sansio",
            lifespan="on",
            log_config=None,  # Django's holds: it redacts
            access_log=False,
            server_header=False,
            forwarded_allow_ips=",".join(settings.STOA_TRUSTED_PROXIES),
            timeout_graceful_shutdown=settings.STOA_DRAIN_SECONDS,
        )
    )
    server.run()
    return 0 if server.started else 3


LAST_REQUESTS_SECONDS = 1.0
"""Between shutting the door and closing idle connections: on one that was just made a request may be on its way."""
LOOKS = 20
"""At the connections meanwhile: on a host that stalls a single pause could end before any of them was read."""


class DrainingServer(uvicorn.Server):
    """Shuts the door, hears who is already inside, says goodbye to streams, and waits for what is left."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        waiting = [found for server in self.servers for listening in server.sockets for found in _waiting(listening)]
        for server in self.servers:
            server.close()
        for connection in waiting:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        await self._say_goodbye()
        for _ in range(LOOKS):
            await asyncio.sleep(LAST_REQUESTS_SECONDS / LOOKS)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        """As uvicorn makes them for those that it accepts."""
        config = self.config
        return config.http_protocol_class(  # type: ignore[call-arg]  # its classes all take these
            config=config, server_state=self.server_state, app_state=self.lifespan.state
        )

    async def _say_goodbye(self) -> None:
        await importlib.import_module("controlplane.asgi").application.drain()


def _waiting(listening: socket.socket) -> list[socket.socket]:
    """Those whom the kernel let in and nobody has greeted yet: closing the door would hang up on them, and a proxy does
    not send their requests again."""
    found = []
    with socket.socket(fileno=os.dup(listening.fileno())) as door, contextlib.suppress(OSError):
        door.setblocking(False)
        while True:
            connection, _ = door.accept()
            connection.setblocking(False)
            found.append(connection)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stoa web",
        description="Serve dashboard, API, issuers and endpoints. One process; start one for each processor.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000")
    parser.add_argument("--fd", type=int, help="a listening socket that was passed on, such as systemd's 3")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
