"""Answering one POST of Streamable HTTP: plain JSON, or an event stream from the first notification on.

Committing to a stream late keeps the HTTP status of errors (PROTOCOL H-04). The stream has comments as heartbeats
(H-05), a bounded queue, and ends the work when the client hangs up (H-06).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable
from typing import Protocol, TypeVar

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
HEARTBEAT = b": still here\n\n"


def event(message: bytes, event_id: str | None = None) -> bytes:
    """One message, which is JSON in a single line, as an event."""
    if event_id is None:
        return b"event: message\ndata: " + message + b"\n\n"
    return b"event: message\nid: " + event_id.encode() + b"\ndata: " + message + b"\n\n"


def priming(event_id: str, retry_ms: int) -> bytes:
    """The empty first event of a 2025-11-25 stream: from here on the client can come back (PROTOCOL G-07)."""
    return b"id: %s\nretry: %d\ndata: \n\n" % (event_id.encode(), retry_ms)


class StreamRecord(Protocol):
    """Keeps what is sent on a stream, for a client that comes back for it (PROTOCOL G-06)."""

    def begin(self) -> bytes:
        """What the stream begins with; empty for clients that would not understand it."""

    def add(self, message: bytes) -> str:
        """Keep a message; its event id."""


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
        "_record",
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
        record: StreamRecord | None = None,
    ) -> None:
        self._receive = receive
        self._send = send
        self._headers = headers
        self._heartbeat = heartbeat
        self._record = record
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
        """Queue a notification; the first one begins the stream. Ignored once the answer is complete.

        On a stream with a record it is kept as well, also when the client is away.
        """
        if self._record is not None and (self.started or not self.gone):
            self._queue_one(event(message, self._record.add(message)))
        elif not self._closing:
            self._queue_one(event(message))

    def leave(self) -> None:
        """End the connection and nothing else; what follows goes into the record alone."""
        if self._record is None or self._closing:
            return
        if not self.started:
            self._begin()
        self.gone = self._closing = True
        assert self._wake is not None
        self._wake.set()

    def _queue_one(self, data: bytes) -> None:
        if self._closing:
            return
        if len(self._queue) >= MAX_QUEUED:
            self._queue.popleft()
            self.dropped += 1
        if self._wake is None:
            self._begin()
        self._queue.append(data)
        assert self._wake is not None
        self._wake.set()

    def _begin(self) -> None:
        self._wake = asyncio.Event()
        if self._record is not None and (first := self._record.begin()):
            self._queue.append(first)
        self._writer = asyncio.create_task(self._write())

    async def finish(self, messages: Iterable[bytes]) -> None:
        """Send the answers as the last events of a stream that has started, and end it. Raises ClientGone."""
        assert self._writer is not None, "finish() ends a stream; there is none"
        assert self._wake is not None
        record = self._record
        for message in messages:
            self._queue.append(event(message) if record is None else event(message, record.add(message)))
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
                    if not await self._put(HEARTBEAT, more=True):
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
