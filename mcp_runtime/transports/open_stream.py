"""An event stream that stays open: the standing GET of a session, `subscriptions/listen`, HTTP+SSE."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Self

from mcp_runtime.transports.asgi import ClientGone, Header, Receive, Send
from mcp_runtime.transports.streamable_http import HEARTBEAT, STALL_SECONDS, STREAM_HEADERS

COME_BACK = b"retry: 500\n\n"
"""Before a stream ends that another process could go on with: when to come back, in milliseconds (HTML 9.2.6)."""


class OpenStream:
    """Write to it, wait in between; `ClientGone` comes up as soon as the client hangs up or takes nothing more.

    async with OpenStream(receive, send, heartbeat=15) as stream:
        await stream.write(first)
        while await stream.wait():
            await stream.write(...)
    """

    __slots__ = ("_ended", "_farewell", "_gone", "_headers", "_heartbeat", "_receive", "_send", "_wake", "_watcher")

    def __init__(self, receive: Receive, send: Send, *, heartbeat: float, headers: Iterable[Header] = ()) -> None:
        self._receive = receive
        self._send = send
        self._heartbeat = heartbeat
        self._headers = headers
        self._wake = asyncio.Event()
        self._gone = False
        self._ended = False
        self._farewell = b""
        self._watcher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._send({"type": "http.response.start", "status": 200, "headers": [*STREAM_HEADERS, *self._headers]})
        await self._put(b"", more=True)  # Daphne keeps the head until there is a body, however short
        self._watcher = asyncio.create_task(self._watch(), name="open stream: watch the client")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        if kind is None:
            await self._put(self._farewell, more=False)

    def wake(self) -> None:
        """There is something to write. May be called at any time, from this event loop."""
        self._wake.set()

    def send_away(self) -> None:
        """End it, and let the client come back soon."""
        self._farewell = COME_BACK
        self.end()

    def end(self) -> None:
        """Let `wait` return False."""
        self._ended = True
        self._wake.set()

    async def wait(self) -> bool:
        """Until woken, with heartbeats meanwhile; False when the stream shall end. Raises ClientGone."""
        while not self._wake.is_set():
            try:
                async with asyncio.timeout(self._heartbeat):
                    await self._wake.wait()
            except TimeoutError:
                await self._put(HEARTBEAT, more=True)
        self._wake.clear()
        if self._gone:
            raise ClientGone
        return not self._ended

    async def write(self, data: bytes) -> None:
        """Raises ClientGone when the client takes nothing for too long."""
        if self._gone:
            raise ClientGone
        await self._put(data, more=True)

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._wake.set()

    async def _put(self, data: bytes, *, more: bool) -> None:
        try:
            async with asyncio.timeout(STALL_SECONDS):
                await self._send({"type": "http.response.body", "body": data, "more_body": more})
        except TimeoutError:
            raise ClientGone from None
