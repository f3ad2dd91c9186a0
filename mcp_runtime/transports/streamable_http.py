"""Answering one POST of Streamable HTTP: plain JSON, or an event stream from the first notification on.

Committing to a stream late keeps the HTTP status of errors (PROTOCOL H-04). The stream has comments as heartbeats
(H-05), a bounded queue, and ends the work when the client hangs up (H-06).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable
from typing import TypeVar

from mcp_runtime.transports.asgi import ClientGone, Header, Receive, Send

T = TypeVar("T")

HEARTBEAT_SECONDS = 15.0
PATIENCE_SECONDS = 0.05
"""Most calls are over by then and never pay for a task that watches the connection."""
MAX_QUEUED = 256
"""Events waiting for a slow client. The oldest make room: progress is worth less the older it is."""
STALL_SECONDS = 30.0
"""A client that takes nothing for so long has gone."""
STREAM_HEADERS: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)
_HEARTBEAT = b": still here\n\n"


def event(message: bytes) -> bytes:
    """One message, which is JSON in a single line, as an event without an id."""
    return b"event: message\ndata: " + message + b"\n\n"


class ResponseStream:
    """The answer to one POST while it is being worked out.

    `run` the work; call `notify` from anywhere in it; when `started` says that a stream has begun, `finish` it.
    """

    __slots__ = (
        "_closing",
        "_headers",
        "_heartbeat",
        "_queue",
        "_receive",
        "_send",
        "_wake",
        "_watcher",
        "_work",
        "_writer",
        "dropped",
        "gone",
    )

    def __init__(
        self,
        receive: Receive,
        send: Send,
        *,
        headers: Iterable[Header] = (),
        heartbeat: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._receive = receive
        self._send = send
        self._headers = headers
        self._heartbeat = heartbeat
        self._queue: deque[bytes] = deque()
        self._wake: asyncio.Event | None = None
        self._writer: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._work: asyncio.Task[object] | None = None
        self._closing = False
        self.dropped = 0
        """Events that a slow client never got."""
        self.gone = False

    @property
    def started(self) -> bool:
        return self._writer is not None

    async def run(self, work: Coroutine[None, None, T]) -> T:
        """Await `work`. When the client hangs up, `work` is cancelled and ClientGone raised."""
        self._work = asyncio.current_task()
        patience = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._watch)
        try:
            return await work
        except asyncio.CancelledError:
            # The watcher cancels this task; so may the server that runs us. Only the first is ours to catch.
            if self.gone and self._work is not None and self._work.uncancel() == 0:
                await self._abandon()
                raise ClientGone from None
            await self._abandon()
            raise
        finally:
            patience.cancel()
            self._work = None
            if self._watcher is not None:
                self._watcher.cancel()

    def notify(self, message: bytes) -> None:
        """Queue a notification; the first one begins the stream. Ignored once the answer is complete."""
        if self._closing:
            return
        if len(self._queue) >= MAX_QUEUED:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(event(message))
        if self._wake is None:
            self._wake = asyncio.Event()
            self._writer = asyncio.create_task(self._write())
        self._wake.set()

    async def finish(self, messages: Iterable[bytes]) -> None:
        """Send the answers as the last events of a stream that has started, and end it. Raises ClientGone."""
        assert self._writer is not None, "finish() ends a stream; there is none"
        assert self._wake is not None
        self._queue.extend(event(message) for message in messages)
        self._closing = True
        self._wake.set()
        await self._writer
        if self.gone:
            raise ClientGone

    def _watch(self) -> None:
        self._watcher = asyncio.create_task(self._wait_for_disconnect())

    async def _wait_for_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._work is not None:
            self.gone = True
            self._work.cancel()

    async def _write(self) -> None:
        wake = self._wake
        assert wake is not None
        await self._send({"type": "http.response.start", "status": 200, "headers": [*STREAM_HEADERS, *self._headers]})
        while True:
            if not self._queue and not self._closing:
                try:
                    async with asyncio.timeout(self._heartbeat):
                        await wake.wait()
                except TimeoutError:
                    if not await self._put(_HEARTBEAT, more=True):
                        return
                    continue
            wake.clear()
            last = self._closing
            events = b"".join(self._queue)
            self._queue.clear()
            if not await self._put(events, more=not last) or last:
                return

    async def _put(self, data: bytes, *, more: bool) -> bool:
        """Send; False when the client has stopped taking anything, which ends the work."""
        try:
            async with asyncio.timeout(STALL_SECONDS):
                await self._send({"type": "http.response.body", "body": data, "more_body": more})
        except TimeoutError:
            self.gone = True
            if self._work is not None:
                self._work.cancel()
            return False
        return True

    async def _abandon(self) -> None:
        self._closing = True
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
