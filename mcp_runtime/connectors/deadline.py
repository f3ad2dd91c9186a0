"""The time that a call may take, in which the client's own time to think does not count."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self


class Deadline:
    """Cancels what runs inside of it after `seconds`, and raises TimeoutError at the end, as `asyncio.timeout` does.

    Questions are put from tasks of their own, which may outlive the call by a moment: its end is not theirs to move.
    """

    __slots__ = ("_left", "_over", "_paused", "_timeout")

    def __init__(self, seconds: float) -> None:
        self._timeout = asyncio.timeout(seconds)
        self._paused = 0
        self._left = 0.0
        """When somebody began to think."""
        self._over = False

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over = True
        await self._timeout.__aexit__(kind, error, traceback)

    def expired(self) -> bool:
        return self._timeout.expired()

    def remaining(self) -> float | None:
        """Seconds, or None while it stands still."""
        when = self._timeout.when()
        return None if when is None else max(0.0, when - asyncio.get_running_loop().time())

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It stands still inside of the block, or of the last of several."""
        self._paused += 1
        if self._paused == 1 and not self._is_past():
            self._left = self.remaining() or 0.0
            self._timeout.reschedule(None)
        try:
            yield
        finally:
            self._paused -= 1
            if self._paused == 0 and not self._is_past():
                self._timeout.reschedule(asyncio.get_running_loop().time() + self._left)

    def _is_past(self) -> bool:
        return self._over or self._timeout.expired()
