"""Frames over one non-blocking Unix stream socket, with descriptors beside them where both ends agree (SANDBOX 4).

Used by both halves of the sandbox: it imports nothing but the standard library. Nothing received is trusted:
a frame has a largest size, a turn of the event loop a largest number of frames, unsent bytes a bound.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable

from mcp_runtime.sandbox.guest.frames import MAX_FRAME

FRAMES_PER_TURN = 64
"""A peer that floods gets this many frames handled before everyone else has a turn (SANDBOX 2.5)."""
MAX_UNSENT = 16 * 1024 * 1024
READ_BYTES = 256 * 1024
_BUFFER_BYTES = 1024 * 1024
"""Send buffer asked of the kernel: its default of 212 kB costs large results many wake-ups."""
_TOGETHER_BYTES = 64 * 1024
"""Frames up to so much are copied into one; beyond that a system call of their own is cheaper."""
_MAX_DESCRIPTORS = 16
_LENGTH = struct.Struct(">I")


class FrameError(Exception):
    """The peer sent something that is no frame."""


class FrameSplitter:
    """Cuts a byte stream into frame bodies. Pure: no socket, no clock.

    Call `next` until it returns None before feeding more. Bodies are views of the bytes fed, not copies.
    """

    __slots__ = ("_chunk", "_needed", "_partial", "_position")

    def __init__(self) -> None:
        self._chunk = b""
        self._position = 0
        self._partial = bytearray()
        self._needed = 0

    @property
    def partial(self) -> bool:
        """Whether the beginning of a frame waits for its end."""
        return bool(self._partial)

    def feed(self, data: bytes) -> None:
        if self._position < len(self._chunk):
            data = self._chunk[self._position :] + data
        elif self._partial:
            self._partial += data
            if len(self._partial) < self._needed:
                return
            data = bytes(self._partial)
            self._partial.clear()
        self._chunk = data
        self._position = 0

    def next(self) -> memoryview | None:
        """The next whole frame's body. Raises FrameError for a length of 0 or over MAX_FRAME."""
        chunk, start = self._chunk, self._position
        available = len(chunk) - start
        if available < 4:
            self._wait_for(4)
            return None
        length = _LENGTH.unpack_from(chunk, start)[0]
        if not 0 < length <= MAX_FRAME:
            raise FrameError(f"a frame claims {length} bytes; 1 to {MAX_FRAME} are allowed")
        if available < 4 + length:
            self._wait_for(4 + length)
            return None
        self._position = start + 4 + length
        return memoryview(chunk)[start + 4 : start + 4 + length]

    def _wait_for(self, needed: int) -> None:
        self._partial += self._chunk[self._position :]
        self._needed = needed
        self._chunk = b""
        self._position = 0


class Link:
    """One end of a socket. Owns it: `close` closes it.

    `on_frame` receives each frame's body; `on_closed` is called once, with what went wrong or None for an orderly
    end by the peer, and never after `close`. Both run in the event loop and must not block.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        on_frame: Callable[[memoryview], None],
        on_closed: Callable[[Exception | None], None],
        descriptors: bool = False,
    ) -> None:
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        self._socket = sock
        self._on_frame = on_frame
        self._on_closed = on_closed
        self._accepts_descriptors = descriptors
        self._received: deque[int] = deque()
        self._splitter = FrameSplitter()
        self._unsent: deque[tuple[memoryview, int | None]] = deque()
        self._unsent_bytes = 0
        self._loop = asyncio.get_running_loop()
        self._open = True
        self._reading = False
        self._writing = False
        self._read(True)

    @property
    def open(self) -> bool:
        return self._open

    @property
    def unsent(self) -> int:
        """Bytes that the peer has not yet made room for."""
        return self._unsent_bytes

    def send(self, data: bytes, descriptor: int | None = None) -> None:
        """Queue one whole frame, its length included. A descriptor is duplicated to the peer; ours stays open
        until it is sent, then it is closed here. A peer that leaves MAX_UNSENT bytes unread loses the link."""
        if not self._open:
            if descriptor is not None:
                _close(descriptor)
            return
        self._unsent.append((memoryview(data), descriptor))
        self._unsent_bytes += len(data)
        if len(self._unsent) == 1:
            self._flush()
        if self._unsent_bytes > MAX_UNSENT:
            self._end(FrameError(f"the peer left {self._unsent_bytes} bytes unread"))

    def send_soon(self, data: bytes) -> None:
        """As `send`, at the end of this turn of the event loop: what is sent together costs one system call."""
        if self._unsent_bytes + len(data) > _TOGETHER_BYTES:
            self.send(data)
        elif self._open:
            self._unsent.append((memoryview(data), None))
            self._unsent_bytes += len(data)
            if len(self._unsent) == 1:
                self._loop.call_soon(self._flush)

    def take_descriptor(self) -> int | None:
        """The oldest received descriptor that nobody has taken yet. The taker closes it."""
        return self._received.popleft() if self._received else None

    def close(self) -> None:
        self._on_closed = _nobody
        self._shut()

    def _shut(self) -> None:
        if not self._open:
            return
        self._open = False
        self._read(False)
        self._write(False)
        self._socket.close()
        for descriptor in self._received:
            _close(descriptor)
        for _, unsent in self._unsent:
            if unsent is not None:
                _close(unsent)
        self._received.clear()
        self._unsent.clear()
        self._unsent_bytes = 0

    def _readable(self) -> None:
        try:
            data = self._receive()
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(error)
            return
        if not data:
            self._end(None)
            return
        self._splitter.feed(data)
        self._deliver()

    def _receive(self) -> bytes:
        if not self._accepts_descriptors:
            return self._socket.recv(READ_BYTES)  # the kernel closes descriptors that nobody asked for
        space = socket.CMSG_SPACE(_MAX_DESCRIPTORS * array.array("i").itemsize)
        data, messages, _, _ = self._socket.recvmsg(READ_BYTES, space, socket.MSG_CMSG_CLOEXEC)
        for level, kind, payload in messages:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors = array.array("i")
                descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
                self._received.extend(descriptors)
        if len(self._received) > _MAX_DESCRIPTORS:
            raise OSError("the peer sent more descriptors than frames that carry one")
        return data

    def _deliver(self) -> None:
        if not self._open:
            return
        try:
            for _ in range(FRAMES_PER_TURN):
                body = self._splitter.next()
                if body is None:
                    self._read(True)
                    return
                self._on_frame(body)
                if not self.open:
                    return
        except FrameError as error:
            self._end(error)
            return
        self._read(False)
        self._loop.call_soon(self._deliver)

    def _flush(self) -> None:
        self._put_together()
        try:
            while self._unsent:
                data, descriptor = self._unsent[0]
                if descriptor is None:
                    sent = self._socket.send(data)
                else:
                    rights = array.array("i", [descriptor]).tobytes()
                    sent = self._socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
                    _close(descriptor)
                self._unsent_bytes -= sent
                if sent == len(data):
                    self._unsent.popleft()
                else:
                    self._unsent[0] = (data[sent:], None)
        except (BlockingIOError, InterruptedError):
            self._write(True)
            return
        except OSError as error:
            self._end(error)
            return
        self._write(False)

    def _put_together(self) -> None:
        """Make one of several small frames, where no descriptor has its place among them."""
        several = len(self._unsent) > 1 and self._unsent_bytes <= _TOGETHER_BYTES
        if several and all(descriptor is None for _, descriptor in self._unsent):
            together = b"".join(data for data, _ in self._unsent)
            self._unsent.clear()
            self._unsent.append((memoryview(together), None))

    def _end(self, error: Exception | None) -> None:
        if self._open:
            self._shut()
            # Not from inside `send`: its caller has not finished what it was doing.
            self._loop.call_soon(self._tell, error)

    def _tell(self, error: Exception | None) -> None:
        self._on_closed(error)

    def _read(self, wanted: bool) -> None:
        if wanted != self._reading:
            self._reading = wanted
            if wanted:
                self._loop.add_reader(self._socket.fileno(), self._readable)
            else:
                self._loop.remove_reader(self._socket.fileno())

    def _write(self, wanted: bool) -> None:
        if wanted != self._writing:
            self._writing = wanted
            if wanted:
                self._loop.add_writer(self._socket.fileno(), self._flush)
            else:
                self._loop.remove_writer(self._socket.fileno())


def _nobody(error: Exception | None) -> None:
    pass


def _close(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        socket.close(descriptor)
