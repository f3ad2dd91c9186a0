"""One line per request: who, where, how it ended and how long it took. Never a token, an argument or a body."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import deque
from collections.abc import Callable

import msgspec

from mcp_runtime.gateway.tracing import Trace
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import McpError

log = logging.getLogger("stoa.gateway")

FLUSH_SECONDS = 0.25
MAX_WAITING = 10_000
"""Lines kept while the outlet is slow; the oldest make room, and how many did is logged."""

Outlet = Callable[[bytes], None]


class CallRecord(msgspec.Struct, omit_defaults=True):
    """A request, from its first header to the last byte of its answer."""

    request_id: str
    at: float = 0.0
    """When it came, seconds since 1970."""
    tenant_id: str = ""
    """`ten_…`, once the caller was verified."""
    tenant: str = ""
    endpoint: str = ""
    subject: str = ""
    """`key_…` or `usr_…`: who called, once that was verified."""
    protocol: str = ""
    method: str = ""
    name: str = ""
    """The tool, prompt or resource, when the endpoint has it."""
    credential: str = ""
    """What was used at an upstream: a connection (`cnx_…`), or `server` for the server's own secret."""
    connector: str = ""
    """The kind of member that was asked: `python`, `remote`, `openapi`, …"""
    status: int = 0
    outcome: str = "ok"
    """`ok`, `tool_error`, `client_gone`, or the code of an error (docs/reference/errors.md)."""
    reason: str = ""
    """What the platform knows of a failure and clients are not told."""
    dropped: int = 0
    """Notifications that a slow client never got."""
    ms: float = 0.0
    trace: Trace | None = None
    """None where nothing is traced, and for what was refused before it was read."""

    def note(self, error: McpError) -> None:
        """Keep an error: the platform's own words, never the client's or the server's."""
        data = error.data if isinstance(error.data, dict) else {}
        code = data.get("code")
        self.outcome = code if isinstance(code, str) and "party" in data else str(error.code)
        if error.__cause__ is not None:
            self.reason = str(error.__cause__)[:200]


def to_stderr(lines: bytes) -> None:
    sys.stderr.buffer.write(lines)
    sys.stderr.buffer.flush()


class Records:
    """Collects records and writes them in batches: a write per call would cost more than the call's bookkeeping."""

    def __init__(self, outlet: Outlet = to_stderr) -> None:
        self._outlet = outlet
        self._waiting: deque[CallRecord] = deque()
        self._lost = 0
        self._flusher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._flusher = asyncio.create_task(self._flush_forever(), name="records: flush")

    async def aclose(self) -> None:
        if self._flusher is not None:
            self._flusher.cancel()
            await asyncio.wait([self._flusher])
            self._flusher = None
        self.flush()

    def add(self, record: CallRecord) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self._lost += 1
        self._waiting.append(record)

    def flush(self) -> None:
        """Write what waits."""
        if self._lost:
            log.warning("%d call records were lost: the log takes them too slowly.", self._lost)
            self._lost = 0
        if self._waiting:
            lines = b"".join(codec.write(record) + b"\n" for record in self._waiting)
            self._waiting.clear()
            self._outlet(lines)

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                self.flush()
            except OSError:
                log.exception("Call records could not be written.")


def now() -> float:
    return round(time.time(), 3)
