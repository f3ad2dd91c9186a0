"""How long a revision that keeps crashing waits for its next start (SANDBOX 4): 0, 0.1, 0.2, 0.4 … 30 s."""

from __future__ import annotations

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
"""A worker that lived this long was healthy: what it does next is no loop."""


class Crashes:
    """The crashes of one revision in a row. Pure: the clock is the caller's."""

    def __init__(self) -> None:
        self.count = 0
        self._allowed = 0.0

    def record(self, now: float, lived: float) -> None:
        """A worker ended by itself after `lived` seconds."""
        self.count = 1 if lived >= HEALTHY_SECONDS else self.count + 1
        self._allowed = now + self._pause()

    def wait(self, now: float) -> float:
        """Seconds until the next start is allowed; 0 when it is."""
        return max(0.0, self._allowed - now)

    def forget(self, now: float) -> None:
        """Drop the history once it no longer explains anything."""
        if now - self._allowed >= HEALTHY_SECONDS:
            self.count = 0

    def _pause(self) -> float:
        if self.count <= 1:
            return 0.0
        return float(min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(self.count - 2, 30)))
