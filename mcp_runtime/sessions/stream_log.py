"""What was sent on the answer to one POST of a session, kept for a client that comes back for it (PROTOCOL G-06)."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque

from mcp_runtime.ports.sessions import Sessions, SessionsUnavailable

log = logging.getLogger("stoa.sessions")

STANDING = "get"
"""The name of a session's standing stream; those of POSTs are random."""
BEGINNING = b" "
"""Marks that a stream has begun: the place a client may return to before anything was said."""
END = b""
"""Marks that a stream is over."""


def event_id(stream: str, place: str) -> str:
    """Unique in the session, and says which stream it belongs to."""
    return f"{stream}.{place}"


def parse_event_id(text: str) -> tuple[str, str] | None:
    """Stream and place; None for what was never one of ours."""
    stream, dot, place = text.partition(".")
    first, dash, second = place.partition("-")
    if not (dot and dash and stream.isalnum() and len(text) <= 80):
        return None
    if not (first.isascii() and first.isdigit() and second.isascii() and second.isdigit()):
        return None
    return stream, place


def woken_by(session_id: str, stream: str) -> str:
    """The topic that tells of new events in a stream's log."""
    return f"log:{session_id}:{stream}"


class StreamLog:
    """Writes behind the stream: the client does not wait for the store."""

    def __init__(self, sessions: Sessions, session_id: str) -> None:
        self.name = secrets.token_hex(6)
        self._sessions = sessions
        self._session_id = session_id
        self._place = 0
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._writer: asyncio.Task[None] | None = None

    @property
    def begun(self) -> bool:
        return self._place > 0

    def begin(self) -> str:
        """Keep the place where the stream begins; its event id."""
        return self.add(BEGINNING)

    def add(self, message: bytes) -> str:
        """Keep a message; its event id."""
        self._place += 1
        place = f"{self._place}-0"
        self._waiting.append((place, message))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write(), name="stream log: write")
        return event_id(self.name, place)

    def end(self) -> None:
        """Nothing more will come; said only where something came."""
        if self.begun:
            self.add(END)

    async def written(self) -> None:
        """Return once everything added so far is kept, or lost."""
        while self._writer is not None:
            await asyncio.wait({self._writer})

    async def _write(self) -> None:
        topic = woken_by(self._session_id, self.name)
        try:
            while self._waiting:
                place, message = self._waiting.popleft()
                await self._sessions.append(self._session_id, self.name, message, place=place)
                await self._sessions.tell(topic, b"")
        except SessionsUnavailable as error:
            # The client has its stream; only coming back to it is lost.
            log.warning("Events of a session were not kept: %s", error)
            self._waiting.clear()
        finally:
            self._writer = None
