"""Sessions in one process: for a gateway that runs alone, and for tests."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from mcp_runtime.ports.sessions import (
    IDLE_SECONDS,
    MAX_EVENTS,
    MAX_SUBSCRIPTIONS,
    Event,
    Listener,
    Session,
    SessionCaps,
    SessionLimit,
)
from mcp_runtime.ports.state import MAX_STATES, STATE_SECONDS
from mcp_runtime.sessions.topics import Topics


class _Kept:
    __slots__ = ("logs", "session", "until", "watched")

    def __init__(self, session: Session, until: float) -> None:
        self.session = session
        self.until = until
        self.watched: set[str] = set()
        self.logs: dict[str, deque[Event]] = {}


class MemorySessions:
    """`Sessions` without a store. `now` is a clock in seconds."""

    def __init__(self, *, idle_seconds: float = IDLE_SECONDS, now: Callable[[], float] = time.monotonic) -> None:
        self._idle = idle_seconds
        self._now = now
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._tickets: OrderedDict[str, float] = OrderedDict()
        self._states: dict[str, OrderedDict[str, tuple[float, bytes]]] = {}
        self._topics = Topics()
        self._counts: dict[str, tuple[float, bytes]] = {}

    async def start(self) -> None:
        """Nothing needs starting."""

    async def aclose(self) -> None:
        """Nothing needs closing."""

    async def open(self, session: Session, caps: SessionCaps) -> None:
        self._expire()
        of_tenant = [kept.session for kept in self._kept.values() if kept.session.tenant_id == session.tenant_id]
        if len(of_tenant) >= caps.per_tenant:
            raise SessionLimit("sessions_per_tenant", caps.per_tenant)
        if sum(one.owner == session.owner for one in of_tenant) >= caps.per_principal:
            raise SessionLimit("sessions_per_principal", caps.per_principal)
        self._kept[session.id] = _Kept(session, self._now() + self._idle)

    async def find(self, session_id: str) -> Session | None:
        kept = self._alive(session_id)
        return None if kept is None else kept.session

    async def save(self, session: Session) -> None:
        kept = self._alive(session.id)
        if kept is not None:
            kept.session = session

    async def end(self, session_id: str) -> None:
        self._kept.pop(session_id, None)

    async def watch(self, session_id: str, uri: str) -> bool:
        kept = self._alive(session_id)
        if kept is None:
            return False
        if uri not in kept.watched and len(kept.watched) >= MAX_SUBSCRIPTIONS:
            return False
        kept.watched.add(uri)
        return True

    async def unwatch(self, session_id: str, uri: str) -> None:
        kept = self._kept.get(session_id)
        if kept is not None:
            kept.watched.discard(uri)

    async def watches(self, session_id: str, uri: str) -> bool:
        kept = self._kept.get(session_id)
        return kept is not None and uri in kept.watched

    async def append(self, session_id: str, stream: str, message: bytes, *, place: str | None = None) -> str:
        kept = self._kept.get(session_id)
        if kept is None:
            return place or "0-0"
        log = kept.logs.setdefault(stream, deque(maxlen=MAX_EVENTS))
        if place is None:
            place = f"{_order(log[-1][0])[0] + 1 if log else 1}-0"
        log.append((place, message))
        return place

    async def events(self, session_id: str, stream: str, after: str) -> Sequence[Event]:
        kept = self._kept.get(session_id)
        if kept is None:
            return ()
        return [event for event in kept.logs.get(stream, ()) if _order(event[0]) > _order(after)]

    async def last(self, session_id: str, stream: str) -> str:
        kept = self._kept.get(session_id)
        log = None if kept is None else kept.logs.get(stream)
        return log[-1][0] if log else "0-0"

    async def redeem(self, ticket: str, seconds: float) -> bool:
        now = self._now()
        while self._tickets and next(iter(self._tickets.values())) <= now:
            self._tickets.popitem(last=False)
        if self._tickets.get(ticket, 0.0) > now:
            return False
        self._tickets[ticket] = now + seconds
        return True

    async def keep(self, area: str, key: str, value: bytes) -> None:
        states = self._states.setdefault(area, OrderedDict())
        states.pop(key, None)
        states[key] = (self._now() + STATE_SECONDS, value)
        while len(states) > MAX_STATES:
            states.popitem(last=False)

    async def kept(self, area: str, key: str) -> bytes | None:
        states = self._states.get(area)
        found = None if states is None else states.get(key)
        return found[1] if found is not None and found[0] > self._now() else None

    async def drop(self, area: str, key: str) -> bool:
        states = self._states.get(area)
        return states is not None and states.pop(key, None) is not None

    async def share(self, whose: str, counts: bytes, seconds: float) -> Sequence[bytes]:
        now = self._now()
        self._counts[whose] = (now + seconds, counts)
        self._counts = {name: kept for name, kept in self._counts.items() if kept[0] > now and kept[1]}
        return [kept for name, (_, kept) in self._counts.items() if name != whose]

    async def tell(self, topic: str, message: bytes) -> None:
        self._topics.tell(topic, message)

    def hear(self, topic: str, listener: Listener) -> Callable[[], None]:
        return self._topics.hear(topic, listener)

    def expires(self, session_id: str) -> float | None:
        """When a session will be over, by the clock, if nobody uses it before."""
        kept = self._kept.get(session_id)
        return None if kept is None else kept.until

    def _alive(self, session_id: str) -> _Kept | None:
        """The session if it has not been idle for too long; it is used now."""
        kept = self._kept.get(session_id)
        if kept is None:
            return None
        now = self._now()
        if kept.until <= now:
            del self._kept[session_id]
            return None
        kept.until = now + self._idle
        self._kept.move_to_end(session_id)
        return kept

    def _expire(self) -> None:
        """Forget those whose time is over: the longest unused stand first."""
        now = self._now()
        while self._kept and next(iter(self._kept.values())).until <= now:
            self._kept.popitem(last=False)


def _order(place: str) -> tuple[int, int]:
    first, _, second = place.partition("-")
    return int(first), int(second or 0)
