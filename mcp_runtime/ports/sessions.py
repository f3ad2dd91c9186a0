"""The sessions port: what clients of the handshake revisions leave between requests, and how gateways reach each other.

A session belongs to no process. Whatever a client was told on a stream is in the session's log, so that any gateway
can go on where another stopped; and whoever has something to say to a stream, a waiting call or a parked one says it
to a topic, wherever that is heard.

SessionsError
├── SessionLimit          the caller or the tenant has as many sessions as it may have
└── SessionsUnavailable   the store cannot be reached
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from mcp_runtime.ports.state import KeptStates

IDLE_SECONDS = 30 * 60.0
"""A session that nobody used for so long is over."""
MAX_EVENTS = 256
"""Events that a stream's log keeps; older ones cannot be replayed."""
MAX_SUBSCRIPTIONS = 256
"""Resources that one session may watch."""


class SessionsError(Exception):
    """Base of what the port raises."""


class SessionsUnavailable(SessionsError):
    """The store cannot be reached."""


class SessionLimit(SessionsError):
    """`name` is the limit that was reached: `sessions_per_principal` or `sessions_per_tenant`."""

    def __init__(self, name: str, limit: int) -> None:
        super().__init__(f"{name} is {limit}")
        self.name = name
        self.limit = limit


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What `initialize` settled. The identifier is a name, never a credential (PROTOCOL G-02, A-13)."""

    id: str
    tenant_id: str
    endpoint_id: str
    owner: tuple[str, ...]
    """`Principal.identity` of whoever opened it; to anyone else it does not exist."""
    revision: str
    capabilities: dict[str, object] = {}
    log_level: str | None = None
    """What `logging/setLevel` asked for; None before that."""
    transport: Literal["streamable-http", "sse"] = "streamable-http"


class SessionCaps(msgspec.Struct, frozen=True):
    """Live sessions at once."""

    per_principal: int = 1_000
    per_tenant: int = 10_000


Event: TypeAlias = tuple[str, bytes]
"""A place in a stream's log, and the message there."""
Listener: TypeAlias = Callable[[bytes], None]


class Sessions(KeptStates, Protocol):
    """Every method raises SessionsUnavailable where the store cannot be reached."""

    async def start(self) -> None:
        """Begin to hear topics. Idempotent."""

    async def aclose(self) -> None: ...

    async def open(self, session: Session, caps: SessionCaps) -> None:
        """Keep a new session. Raises SessionLimit."""

    async def find(self, session_id: str) -> Session | None:
        """The session, used now and so alive for another while; None when it is unknown or over."""

    async def save(self, session: Session) -> None:
        """Replace what is kept, if the session is still alive."""

    async def end(self, session_id: str) -> None:
        """Forget the session; its logs are nobody's any more. Idempotent."""

    async def watch(self, session_id: str, uri: str) -> bool:
        """Subscribe the session to a resource; False when it watches too many."""

    async def unwatch(self, session_id: str, uri: str) -> None: ...

    async def watches(self, session_id: str, uri: str) -> bool:
        """Whether the session subscribed to the resource."""

    async def append(self, session_id: str, stream: str, message: bytes, *, place: str | None = None) -> str:
        """Add to a stream's log; `place` is chosen by the one writer of a stream that has one. Returns the place."""

    async def events(self, session_id: str, stream: str, after: str) -> Sequence[Event]:
        """What the log has after a place; `"0-0"` is before everything."""

    async def last(self, session_id: str, stream: str) -> str:
        """The place of the newest event, `"0-0"` without one."""

    async def redeem(self, ticket: str, seconds: float) -> bool:
        """True for the first who shows this ticket, anywhere, within `seconds`."""

    async def share(self, whose: str, counts: bytes, seconds: float) -> Sequence[bytes]:
        """Keep what one process counts for so long, in place of what it said before; what the others count. A process
        with nothing to say says nothing, and is kept by nobody."""

    async def tell(self, topic: str, message: bytes) -> None:
        """Say something to all who hear `topic`, in any process. What nobody hears is lost."""

    def hear(self, topic: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` with everything told to `topic`, until the returned function is called."""
