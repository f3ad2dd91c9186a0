"""How long to wait before starting again what has died."""

from __future__ import annotations

from dataclasses import dataclass

FIRST = 0.5
LONGEST = 30.0
HEALTHY = 60.0
"""A process that lived this long has recovered: its next death starts from the shortest wait again."""


@dataclass(slots=True)
class Backoff:
    """Doubles with each death, up to `LONGEST`. Knows no clock: the caller says how long the process lived."""

    _next: float = FIRST

    def after(self, lived: float) -> float:
        if lived >= HEALTHY:
            self._next = FIRST
        delay = self._next
        self._next = min(self._next * 2, LONGEST)
        return delay
