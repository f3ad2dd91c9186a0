"""Streams that stay open in this process, and the end of those whose credential no longer counts (PROTOCOL L-06)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from mcp_runtime.authorization.principals import Principals
from mcp_runtime.gateway.admission import Address, Head
from mcp_runtime.gateway.plans import CompiledPlan
from mcp_runtime.ports.sessions import Sessions, SessionsUnavailable
from mcp_runtime.transports.open_stream import OpenStream
from tenants.principal import Principal

log = logging.getLogger("stoa.gateway")

SESSION_SWEEPS = 13
"""Every so many sweeps a stream's session is used, so that it does not count as idle."""


class Visitor(Protocol):
    """Whose stream it is."""

    @property
    def token(self) -> str: ...

    @property
    def principal(self) -> Principal: ...

    @property
    def where(self) -> Address: ...

    @property
    def head(self) -> Head: ...

    @property
    def plan(self) -> CompiledPlan: ...


class StandingStreams:
    """All of them, looked through every few seconds: one task, however many there are."""

    def __init__(self, principals: Principals, sessions: Sessions, *, seconds: float) -> None:
        self._principals = principals
        self._sessions = sessions
        self._seconds = seconds
        self._open: dict[OpenStream, tuple[Visitor, str | None]] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._sweeps = 0

    @property
    def visitors(self) -> tuple[Visitor, ...]:
        return tuple(visitor for visitor, _ in self._open.values())

    def start(self) -> None:
        self._sweeper = asyncio.create_task(self._sweep_forever(), name="streams: check credentials")

    async def aclose(self) -> None:
        """End every stream in good order."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])
            self._sweeper = None
        for stream in tuple(self._open):
            stream.end()

    def send_away(self) -> None:
        """End every stream for good reason: another process serves it better."""
        for stream in tuple(self._open):
            stream.send_away()

    @contextmanager
    def kept(self, stream: OpenStream, visitor: Visitor, session_id: str | None = None) -> Iterator[None]:
        """Look after a stream inside the block: a session with an open stream is not idle."""
        self._open[stream] = (visitor, session_id)
        try:
            yield
        finally:
            del self._open[stream]

    async def sweep(self) -> None:
        """End the streams of callers who would be refused now, or whose session is over."""
        self._sweeps += 1
        for stream, (visitor, session_id) in tuple(self._open.items()):
            if not await self._is_welcome(visitor) or (
                # Spread over the sweeps: each use of a session keeps it alive for much longer than that.
                session_id is not None
                and (self._sweeps + id(stream)) % SESSION_SWEEPS == 0
                and not await self._is_alive(session_id)
            ):
                stream.end()

    async def _is_welcome(self, visitor: Visitor) -> bool:
        credential, before = (visitor.token, visitor.where.tenant, visitor.head.client), visitor.principal
        try:
            now = self._principals.known(*credential) or await self._principals.authenticate(*credential)
        except Exception:
            log.exception("The credential of an open stream cannot be checked; the stream is ended.")
            return False
        return (
            now is not None
            and now.identity == before.identity
            and now.scopes >= before.scopes
            and now.only == before.only
        )

    async def _is_alive(self, session_id: str) -> bool:
        try:
            return await self._sessions.find(session_id) is not None
        except SessionsUnavailable:
            return True  # nobody knows; the stream will find out when it has something to say

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self.sweep()
            except Exception:
                log.exception("The credentials of open streams could not be checked.")
