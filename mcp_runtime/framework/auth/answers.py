"""Answers of identity providers about tokens, kept for a short while where the author asked for it."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256

from mcp_runtime.framework.auth.errors import WrongSetting
from mcp_runtime.framework.auth.tokens import AccessToken

__all__ = ("AnswerCache",)

_MOST = 10_000


class AnswerCache:
    """Valid tokens only, by digest, bounded, never past their expiry. Without `seconds` nothing is kept."""

    def __init__(self, seconds: float | None, most: int | None = None, *, now: Callable[[], float] = time.time) -> None:
        if seconds is not None and seconds < 0:
            raise WrongSetting(f"cache_ttl_seconds={seconds!r} is below zero.")
        self._seconds = seconds or 0
        self._most = _MOST if most is None else most
        self._now = now
        self._kept: OrderedDict[bytes, tuple[float, AccessToken]] = OrderedDict()

    async def get(self, token: str, ask: Callable[[str], Awaitable[AccessToken | None]]) -> AccessToken | None:
        if not self._seconds or not self._most:
            return await ask(token)
        name = sha256(token.encode()).digest()
        kept = self._kept.get(name)
        if kept is not None:
            until, found = kept
            if self._now() < until and not found.expired(self._now()):
                return found
            del self._kept[name]
        answer = await ask(token)
        if answer is not None:
            self._kept[name] = (self._now() + self._seconds, answer)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return answer
