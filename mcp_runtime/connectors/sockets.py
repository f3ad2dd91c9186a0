"""Connections to upstreams, as the HTTP library reads and writes them.

Its own ones yield to the event loop at each write, and send the head of a request and its body in packets of their own,
each of which wakes the upstream. Here what is written is kept until an answer is waited for, or there is much of it.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import httpcore2

TOGETHER_BYTES = 64 * 1024
"""Written at once, when there is so much before anything is read."""
AHEAD_BYTES = 256 * 1024
"""Read before somebody asks for it; then the upstream waits."""


async def connected(address: str, port: int, timeout: float | None, local_address: str | None) -> SocketStream:  # noqa: ASYNC109 - httpcore's name
    """Raises httpcore2.ConnectError, ConnectTimeout."""
    source = None if local_address is None else (local_address, 0)
    try:
        async with asyncio.timeout(timeout):
            loop = asyncio.get_running_loop()
            transport, wire = await loop.create_connection(_Wire, address, port, local_addr=source)
    except TimeoutError as error:
        raise httpcore2.ConnectTimeout(str(error)) from error
    except OSError as error:
        raise httpcore2.ConnectError(str(error)) from error
    return SocketStream(transport, wire)


class SocketStream(httpcore2.AsyncNetworkStream):
    """One connection. Reading sends what was written before."""

    def __init__(self, transport: asyncio.Transport, wire: _Wire) -> None:
        self._transport = transport
        self._wire = wire
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - the interface's name
        """Nothing at the end. Raises httpcore2.ReadError, ReadTimeout."""
        wire = self._wire
        if self._unsent and not wire.lost:
            self._send()  # if that fails, what the upstream said before may still tell why
        while not wire.received:
            if wire.error is not None:
                raise httpcore2.ReadError(str(wire.error)) from wire.error
            if wire.ended:
                return b""
            try:
                await wire.changed(timeout)
            except TimeoutError as error:
                raise httpcore2.ReadTimeout(str(error)) from error
        data = bytes(wire.received[:max_bytes])
        del wire.received[:max_bytes]
        if wire.reading_paused and len(wire.received) < AHEAD_BYTES:
            wire.reading_paused = False
            self._transport.resume_reading()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the interface's name
        """Raises httpcore2.WriteError, WriteTimeout."""
        if self._wire.lost:
            raise httpcore2.WriteError("The upstream closed the connection.") from self._wire.error
        self._unsent.append(buffer)
        self._unsent_bytes += len(buffer)
        if self._unsent_bytes < TOGETHER_BYTES:
            return
        self._send()
        while self._wire.writing_paused and not self._wire.lost:
            try:
                await self._wire.changed(timeout)
            except TimeoutError as error:
                raise httpcore2.WriteTimeout(str(error)) from error

    async def aclose(self) -> None:
        self._unsent.clear()
        self._transport.close()
        try:
            await asyncio.sleep(0)  # what TLS says at the end may go out; nobody waits for the answer
        finally:
            self._transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's name
    ) -> httpcore2.AsyncNetworkStream:
        """Raises httpcore2.ConnectError, ConnectTimeout."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                transport = await loop.start_tls(
                    self._transport, self._wire, ssl_context, server_hostname=server_hostname
                )
            if transport is None:
                raise ConnectionError("The upstream closed the connection.")
        except TimeoutError as error:
            self._transport.abort()
            raise httpcore2.ConnectTimeout(str(error)) from error
        except OSError as error:
            self._transport.abort()
            raise httpcore2.ConnectError(str(error)) from error
        except BaseException:
            self._transport.abort()
            raise
        self._wire.transport = transport
        return SocketStream(transport, self._wire)

    def get_extra_info(self, info: str) -> Any:
        match info:
            case "is_readable":  # asked of an idle connection: then it has ended, or says what nobody asked for
                return bool(self._wire.received) or self._wire.ended or self._wire.lost
            case "ssl_object" | "socket":
                return self._transport.get_extra_info(info)
            case "client_addr":
                return self._transport.get_extra_info("sockname")
            case "server_addr":
                return self._transport.get_extra_info("peername")
            case _:
                return None

    def _send(self) -> None:
        unsent = self._unsent[0] if len(self._unsent) == 1 else b"".join(self._unsent)
        self._unsent.clear()
        self._unsent_bytes = 0
        self._transport.write(unsent)


class _Wire(asyncio.Protocol):
    """What has come, and who waits for more. One task reads and writes at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.received = bytearray()
        self.ended = False
        """The other side says no more."""
        self.lost = False
        self.error: Exception | None = None
        self.reading_paused = False
        self.writing_paused = False
        self._waiter: asyncio.Future[None] | None = None

    async def changed(self, seconds: float | None) -> None:
        """Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, _give_up, waiter)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # of a connection, so that it reads and writes

    def data_received(self, data: bytes) -> None:
        self.received += data
        if len(self.received) >= AHEAD_BYTES and not self.reading_paused and self.transport is not None:
            self.reading_paused = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = self.ended = True
        self.error = exc
        self._wake()

    def pause_writing(self) -> None:
        self.writing_paused = True

    def resume_writing(self) -> None:
        self.writing_paused = False
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _give_up(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError("The upstream took too long."))
