"""Caps that hold over all processes of a platform, without a question on the path of a call.

Every few seconds each process tells the others what its callers have open, and adds what they tell to its own counts.
So a cap may be exceeded by what other processes let in since they last told, and what is over may count for as long.
A count too small to matter is not told (`Limits.notable`), so a platform with room to spare tells nothing. What a
process that died has told is forgotten with its lease. Where the others cannot be heard, each process counts alone.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from typing import Final

import msgspec

from mcp_runtime.gateway.limits import Counted, Limits
from mcp_runtime.ports.sessions import Sessions, SessionsUnavailable

SHARE_SECONDS: Final = 2.0
LEASE: Final = 3
"""Rounds for which what a process told counts, when it tells nothing more."""

log = logging.getLogger("stoa.gateway")


class SharedLimits:
    """One per process. `start` it on the event loop that serves."""

    def __init__(self, limits: Limits, sessions: Sessions, *, seconds: float = SHARE_SECONDS) -> None:
        self._limits = limits
        self._sessions = sessions
        self._seconds = seconds
        self._name = secrets.token_hex(8)
        self._sharing: asyncio.Task[None] | None = None
        self._alone = False

    def start(self) -> None:
        self._sharing = asyncio.create_task(self._share_forever(), name="limits: share counts")

    async def aclose(self) -> None:
        task, self._sharing = self._sharing, None
        while task is not None and not task.done():
            # Once is not enough: a store may lose a cancellation, see sessions.redis.
            task.cancel()
            await asyncio.wait({task}, timeout=0.1)

    async def share(self) -> None:
        """One round: tell, and heed what the others tell."""
        notable = self._limits.notable()
        told = msgspec.json.encode(notable) if notable else b""
        try:
            others = await self._sessions.share(self._name, told, LEASE * self._seconds)
        except SessionsUnavailable as error:
            if not self._alone:
                log.warning("Limits count this process alone: %s", error)
            self._alone = True
            self._limits.heed({})
            return
        self._alone = False
        elsewhere: Counter[Counted] = Counter()
        for counts in others:
            for counted, count in _decode(counts):
                elsewhere[counted] += count
        self._limits.heed(elsewhere)

    async def _share_forever(self) -> None:
        while True:
            try:
                await self.share()
            except Exception:
                log.exception("The counts of limits could not be shared.")
            await asyncio.sleep(self._seconds)


_decode = msgspec.json.Decoder(list[tuple[Counted, int]]).decode
