"""A door that needs no key, in front of one gateway or several in turn: the suite has no way to send a credential."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from itertools import cycle

HOST = "127.0.0.1"


@contextlib.asynccontextmanager
async def opened(ports: Sequence[int], token: str) -> AsyncIterator[int]:
    """Pass each request on to the next of `ports`, with the token; yields the door's own port.

    The first port is the one that the platform is known by.
    """
    door = _Door(ports, token)
    server = await asyncio.start_server(door.serve, HOST, 0)
    door.port = server.sockets[0].getsockname()[1]
    async with server:
        yield door.port


class _Door:
    """Each request gets a connection of its own, so that following ones reach different gateways."""

    def __init__(self, ports: Sequence[int], token: str) -> None:
        self._ports = cycle(ports)
        self._public = ports[0]
        self._token = token
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.rstrip().split(b"\r\n")
            headers = [tuple(line.split(b":", 1)) for line in lines[1:]]
            length = next((int(value) for name, value in headers if name.lower() == b"content-length"), 0)
            body = await reader.readexactly(length)
            port = next(self._ports)
            await self._pass_on(self._rewritten(lines[0], headers) + body, port, reader, writer)
        writer.close()

    def _rewritten(self, line: bytes, headers: Sequence[Sequence[bytes]]) -> bytes:
        """The same request at the platform's own address. A foreign Host or Origin stays foreign."""
        here, there = (f"{HOST}:{number}".encode() for number in (self.port, self._public))
        kept = [
            name + b":" + (value.replace(here, there) if name.lower() in (b"host", b"origin") else value)
            for name, value in headers
            if name.lower() not in (b"connection", b"authorization")
        ]
        added = [b"connection: close", b"authorization: Bearer " + self._token.encode()]
        return b"\r\n".join([line, *kept, *added, b"", b""])

    async def _pass_on(
        self, request: bytes, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answer, gateway = await asyncio.open_connection(HOST, port)
        gateway.write(request)
        answering = asyncio.create_task(_copy(answer, writer))
        leaving = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)
            gateway.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(64 * 1024):
        writer.write(data)
        await writer.drain()
