"""Admission to one worker: so many calls in flight, so many waiting, and no more (SANDBOX 0.1)."""

from __future__ import annotations

import asyncio
from collections import deque

from mcp_runtime.ports.sandboxes import CallTimedOut, Overloaded


class Gate:
    """First come, first served. `enter` before a call, `leave` after it."""

    def __init__(self, in_flight: int, queued: int) -> None:
        self._in_flight = in_flight
        self._queued = queued
        self._inside = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def empty(self) -> bool:
        return self._inside == 0

    async def enter(self, seconds: float) -> float:
        """Return when it is this call's turn: the seconds it waited. Raises Overloaded at once when the queue is
        full, CallTimedOut after `seconds`."""
        if self._inside < self._in_flight:
            self._inside += 1
            return 0.0
        if len(self._queue) >= self._queued:
            raise Overloaded(
                f"The server has {self._in_flight} calls in flight and {self._queued} waiting; try again shortly.",
                retry_after=1.0,
            )
        loop = asyncio.get_running_loop()
        begun = loop.time()
        turn = loop.create_future()
        self._queue.append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave()  # the turn came in the moment that the caller gave up
            elif turn in self._queue:
                self._queue.remove(turn)
            if isinstance(error, TimeoutError):
                raise CallTimedOut(f"The call waited {seconds:g} s for its turn.") from None
            raise
        return loop.time() - begun

    def leave(self) -> None:
        """Give the place to whoever has waited longest."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._inside -= 1
