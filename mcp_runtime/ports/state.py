"""What workers may have kept for them between calls: the state of their sessions (FASTMCP C-10).

A worker puts these questions like any other, and the gateway answers them itself. It files what it is given under the
server, so that no server reads another's; the keys are the worker's own and mean nothing to the gateway.
"""

from __future__ import annotations

from typing import Protocol

STATE_GET = "stoa/state/get"
STATE_PUT = "stoa/state/put"
STATE_DELETE = "stoa/state/delete"

MAX_STATE_BYTES = 64 * 1024
"""What one session may keep."""
MAX_STATES = 2_000
"""Sessions of one server that keep something; the one unused for longest goes first."""
STATE_SECONDS = 24 * 3600.0
"""How long a state is kept after its last change."""


class KeptStates(Protocol):
    """Bytes by area and key. An area is one server's. Every method raises SessionsUnavailable without its store."""

    async def keep(self, area: str, key: str, value: bytes) -> None:
        """Replace what is kept, for STATE_SECONDS; of more than MAX_STATES the oldest goes."""

    async def kept(self, area: str, key: str) -> bytes | None: ...

    async def drop(self, area: str, key: str) -> bool:
        """Whether there was anything."""
