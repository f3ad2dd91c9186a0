"""How long and how large a request's head may be, under uvicorn (SECURITY 0.5: limits for slow and large headers).

uvicorn waits for the headers of a request without end and keeps them whatever their size: its own option for that is
for h11 only. So a client that sends a byte at a time, or a header that never ends, could keep as many connections and
as much memory as it likes. Bodies have limits of their own, where they are read.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from mcp_runtime.transports.asgi import LINGER_SECONDS

HEAD_SECONDS: Final = 20.0
"""From the connection, or on one that is kept the first byte of its next request, to the end of the headers."""
MAX_HEAD_BYTES: Final = 64 * 1024
"""Of target and headers. While they still come, what one read brought more is forgiven: it may be another's body."""

_TOO_SLOW = b"The request's headers did not arrive in time. Send them in one go.\n"
_TOO_LARGE = b"The request's headers are over the limit of %d bytes. Send fewer or shorter ones.\n"


class HeadTooLarge(Exception):
    """Raised to the parser, which stops at it."""


class BoundedHeads(HttpToolsProtocol):
    """HTTP/1.1 that answers a slow head with 408 and a large one with 431, and closes.

    The head's time stands still while an earlier request of the connection is answered: then it may be we who do not
    read. A head that comes whole, in one read, costs no timer.
    """

    head_seconds: float = HEAD_SECONDS
    max_head_bytes: int = MAX_HEAD_BYTES

    _timer: asyncio.TimerHandle | None = None
    _in_head = False
    _refused = False
    _read = 0
    """Bytes of the read that is being parsed."""
    _head_bytes = 0
    """Of the reads that the head came in."""
    _first_read = 0
    """Of the read that it began in, where something else may have ended."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return  # thrown away for a moment, so that the client reads why
        self._read = len(data)
        if self._in_head:
            self._head_bytes += self._read
        super().data_received(data)
        if self._in_head and self._head_bytes - self._first_read > self.max_head_bytes:
            self._refuse_large()
        elif self._timer is None and not self._is_busy() and not self._is_over():
            # A head, or what comes before one for ever: empty lines, the rest of a body that was answered early.
            self._wait_for_head()

    def send_400_response(self, msg: str) -> None:
        if self._in_head and self._head_bytes > self.max_head_bytes and self._size() > self.max_head_bytes:
            self._refuse_large()
        else:
            super().send_400_response(msg)

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = self._first_read = self._read
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._head_bytes > self.max_head_bytes and self._size() > self.max_head_bytes:
            raise HeadTooLarge
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_head and not self._is_busy() and not self._is_over():
            self._unset_keepalive_if_required()  # nothing is idle: the next head has begun
            self._wait_for_head()

    def _size(self) -> int:
        """Of the head as far as it was understood, as it stood on the wire."""
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _is_busy(self) -> bool:
        """Whether a request whose head is complete waits for its answer."""
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]  # at first

    def _is_over(self) -> bool:
        """Whether there is no other head to come: the connection ends, or speaks another protocol now."""
        return self.transport.is_closing() or self.transport.get_protocol() is not self

    def _wait_for_head(self) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self._is_over() or self._is_busy():
            return
        if self._in_head:
            self._refuse(408, _TOO_SLOW)
        else:
            self.transport.close()

    def _refuse_large(self) -> None:
        self._refuse(431, _TOO_LARGE % self.max_head_bytes)

    def _refuse(self, status: int, why: bytes) -> None:
        """Say why and hang up. Closing while the client still writes would reset the connection and lose the answer."""
        self._stop_waiting()
        self._refused = True
        if self._is_busy():
            self.transport.close()  # an earlier answer may have begun, which nothing may be put into
            return
        head = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(why)
        self.transport.write(STATUS_LINE[status] + head + why)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)
