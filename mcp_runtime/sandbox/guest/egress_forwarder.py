"""Inside the sandbox: 127.0.0.1:3128, an ordinary HTTP proxy to HTTP libraries, passed on to the egress socket.

It decides nothing: what may be reached is the egress proxy's to say, on the other side of the socket. One thread
serves all connections, for threads are counted in a sandbox.
"""

from __future__ import annotations

import selectors
import socket
import threading

from mcp_runtime.sandbox.guest.box import EGRESS_PORT, EGRESS_SOCKET

CHUNK = 64 * 1024
BACKLOG = 64


def listen(port: int = EGRESS_PORT) -> socket.socket:
    """The listening socket, for callers that must open it before they lose the right to bind. Raises OSError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(BACKLOG)
    return listener


def serve(listener: socket.socket, path: str = EGRESS_SOCKET) -> threading.Thread:
    """Pass each connection on to the Unix socket at `path`, in a daemon thread, until the process ends."""
    thread = threading.Thread(target=_Forwarder(listener, path).run, name="egress", daemon=True)
    thread.start()
    return thread


def environment(port: int = EGRESS_PORT) -> dict[str, str]:
    """What HTTP libraries read to find the proxy."""
    url = f"http://127.0.0.1:{port}"
    names = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
    return {**dict.fromkeys(names, url), "NO_PROXY": "localhost,127.0.0.1", "no_proxy": "localhost,127.0.0.1"}


class _End:
    """One socket of a pair, and what waits to be written to it."""

    __slots__ = ("connection", "ended", "other", "waiting")

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.other = self
        self.waiting = b""
        self.ended = False
        """Nothing more will be read from it."""


class _Forwarder:
    def __init__(self, listener: socket.socket, path: str) -> None:
        self._listener = listener
        self._path = path
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        while True:
            for key, events in self._selector.select():
                end: _End | None = key.data
                if end is None:
                    self._accept()
                elif end.connection.fileno() >= 0:  # else its pair was closed earlier in this turn
                    self._turn(end, events)

    def _accept(self) -> None:
        try:
            inner = self._listener.accept()[0]
        except OSError:
            return  # it went away, or no descriptor is free: the next turn tries again
        outer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            outer.connect(self._path)
        except OSError:
            inner.close()
            outer.close()
            return
        one, two = _End(inner), _End(outer)
        one.other, two.other = two, one
        for end in (one, two):
            self._selector.register(end.connection, selectors.EVENT_READ, end)

    def _turn(self, end: _End, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                self._write(end)
            if events & selectors.EVENT_READ and not end.other.waiting:
                data = end.connection.recv(CHUNK)
                end.ended = not data
                end.other.waiting = data
                self._write(end.other)
        except BlockingIOError:
            pass
        except OSError:
            self._close(end)
            return
        if end.ended and end.other.ended and not end.waiting and not end.other.waiting:
            self._close(end)
        else:
            self._watch(end)
            self._watch(end.other)

    def _write(self, end: _End) -> None:
        if end.waiting:
            try:
                end.waiting = end.waiting[end.connection.send(end.waiting) :]
            except BlockingIOError:
                return
        if end.other.ended and not end.waiting:
            end.connection.shutdown(socket.SHUT_WR)

    def _watch(self, end: _End) -> None:
        """Read from it while its pair has taken everything, write to it while something waits."""
        events = 0 if end.ended or end.other.waiting else selectors.EVENT_READ
        events |= selectors.EVENT_WRITE if end.waiting else 0
        if end.connection in self._selector.get_map():
            if events:
                self._selector.modify(end.connection, events, end)
            else:
                self._selector.unregister(end.connection)
        elif events:
            self._selector.register(end.connection, events, end)

    def _close(self, end: _End) -> None:
        for one in (end, end.other):
            if one.connection in self._selector.get_map():
                self._selector.unregister(one.connection)
            one.connection.close()
