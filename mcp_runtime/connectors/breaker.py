"""Circuit breakers: an upstream that does not answer is left alone for a while, and its callers are told at once.

A server that hangs would else hold up a call for its whole time limit, each time, and one that comes back would be met
by all who waited. One call at a time finds out whether it is back.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mcp_runtime.connectors.outbound import AddressRefused, CredentialMissing, CredentialRefused, Redirected, TooMuch
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.protocol.errors import McpError

FAILURES = 5
"""In a row, until it is left alone."""
FIRST_SECONDS = 5.0
LONGEST_SECONDS = 60.0
MAX_UPSTREAMS = 5_000
"""Of one process. Those that answer take no room."""

Key = tuple[str, str]
"""Server and revision: whoever changes the server begins anew."""

log = logging.getLogger(__name__)


class Paused(ClientError):
    """The upstream did not answer several times, and is not asked at the moment."""

    def __init__(self, seconds: float) -> None:
        super().__init__("The server did not answer several times and is not asked for a while.")
        self.retry_after = max(1, math.ceil(seconds))


@dataclass(slots=True)
class _Trouble:
    failures: int = 0
    until: float = 0.0


class Breakers:
    """Of all upstreams of one process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._troubles: dict[Key, _Trouble] = {}

    @contextmanager
    def watching(self, key: Key) -> Iterator[None]:
        """Around one call. Raises Paused in place of it."""
        self._admit(key)
        try:
            yield
        except (AddressRefused, CredentialMissing, CredentialRefused, Redirected, TooMuch):
            raise  # it answered, or was not asked
        except (ClientError, TimeoutError):
            self._failed(key)
            raise
        except McpError:
            self._troubles.pop(key, None)
            raise
        self._troubles.pop(key, None)

    def _admit(self, key: Key) -> None:
        trouble = self._troubles.get(key)
        if trouble is None or trouble.failures < FAILURES:
            return
        left = trouble.until - self._now()
        if left > 0:
            raise Paused(left)
        trouble.until = self._now() + self._pause(trouble)  # this call finds out; the others wait for it

    def _failed(self, key: Key) -> None:
        trouble = self._troubles.pop(key, None) or _Trouble()
        if len(self._troubles) >= MAX_UPSTREAMS:
            del self._troubles[next(iter(self._troubles))]
        self._troubles[key] = trouble
        trouble.failures += 1
        if trouble.failures >= FAILURES:
            pause = self._pause(trouble)
            trouble.until = self._now() + pause
            log.warning(
                "Server %s did not answer %d times; it is left alone for %g s.", key[0], trouble.failures, pause
            )

    @staticmethod
    def _pause(trouble: _Trouble) -> float:
        return float(min(FIRST_SECONDS * 2 ** min(trouble.failures - FAILURES, 10), LONGEST_SECONDS))
