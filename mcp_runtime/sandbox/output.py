"""What a worker prints, read from its pipe on the host: bounded in lines, bytes and time (SANDBOX 0.1)."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque

LINES_PER_SECOND = 200
LINE_BYTES = 64 * 1024
BYTES_PER_SECOND = 16 * 1024 * 1024
"""A worker that writes faster waits: its pipe is not read for the rest of the second."""
_READ_BYTES = 256 * 1024
_LOGGED_CHARACTERS = 2000
_TAIL = 20

_log = logging.getLogger("stoa.worker")


class OutputCollector:
    """Reads one pipe until it ends. Owns the descriptor."""

    def __init__(self, descriptor: int, name: str) -> None:
        os.set_blocking(descriptor, False)
        self.dropped = 0
        self.tail: deque[str] = deque(maxlen=_TAIL)
        """The last lines, for whoever wants to know why the worker ended."""
        self._descriptor = descriptor
        self._name = name
        self._line = bytearray()
        self._cut = False
        self._second = 0
        self._lines = 0
        self._bytes = 0
        self._loop = asyncio.get_running_loop()
        self._open = True
        self._waiting: asyncio.TimerHandle | None = None
        self._loop.add_reader(descriptor, self._readable)

    def close(self) -> None:
        """Take what is still in the pipe, then let it go. Idempotent."""
        if not self._open:
            return
        if self._waiting is None:
            self._readable()
        if self._open:
            self._end()

    def _readable(self) -> None:
        self._start_second()
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end()
            return
        self._bytes += len(data)
        self._take(data)
        if self._bytes >= BYTES_PER_SECOND:
            self._loop.remove_reader(self._descriptor)
            self._waiting = self._loop.call_later(1.0 - self._loop.time() % 1.0, self._resume)

    def _resume(self) -> None:
        self._waiting = None
        self._loop.add_reader(self._descriptor, self._readable)

    def _start_second(self) -> None:
        second = int(self._loop.time())
        if second != self._second:
            self._second, self._lines, self._bytes = second, 0, 0

    def _take(self, data: bytes) -> None:
        if self._lines >= LINES_PER_SECOND:
            # Over the bound: count lines without making any.
            self.dropped += data.count(b"\n")
            self._line.clear()
            return
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._add(line)
            self._finish()
        self._add(rest)

    def _add(self, part: bytes) -> None:
        room = LINE_BYTES - len(self._line)
        self._cut = self._cut or len(part) > room
        self._line += part[:room]

    def _finish(self) -> None:
        line, self._line = self._line, bytearray()
        cut, self._cut = self._cut, False
        if self._lines >= LINES_PER_SECOND:
            self.dropped += 1
            return
        self._lines += 1
        text = line.decode("utf-8", "replace") + ("…" if cut else "")
        self.tail.append(text[:_LOGGED_CHARACTERS])
        # Control characters would let a tenant forge lines of the platform's log.
        shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:_LOGGED_CHARACTERS])
        _log.info("%s: %s", self._name, shown)

    def _end(self) -> None:
        self._open = False
        if self._waiting is not None:
            self._waiting.cancel()
        else:
            self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        if self._line:
            self._finish()
