"""How much one tenant and one caller may have at once (PROTOCOL T-09, C-01)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from mcp_runtime.ports.sessions import SessionCaps, SessionLimit
from mcp_runtime.transports.refusals import Refusal
from tenants.principal import Principal

RETRY_SECONDS = 1
NOTABLE = 64
"""Counts from a 64th of their cap on are told to the other processes (`gateway.shared_limits`)."""

Counted: TypeAlias = tuple[str, str | tuple[str, ...]]
"""What is counted, and whose it is: a tenant's, or that of a caller's identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Each holds over all gateways of a platform: for sessions at any moment, for calls and streams to within what
    the others let in during the last `shared_limits.SHARE_SECONDS`."""

    calls_per_principal: int = 256
    calls_per_tenant: int = 1_024
    streams_per_principal: int = 256
    streams_per_tenant: int = 4_096
    sessions: SessionCaps = field(default_factory=SessionCaps)


class Limits:
    """Counts what runs. Taking and giving back is two dictionary entries each: cheap enough for every call."""

    def __init__(self, caps: Caps) -> None:
        self.caps = caps
        self._calls = _Counter("calls", caps.calls_per_principal, caps.calls_per_tenant)
        self._streams = _Counter("streams", caps.streams_per_principal, caps.streams_per_tenant)

    @property
    def in_flight(self) -> int:
        """Calls of all tenants."""
        return self._calls.total

    @property
    def open_streams(self) -> int:
        return self._streams.total

    def notable(self) -> list[tuple[Counted, int]]:
        """What others should know of this process."""
        return [*self._calls.notable(), *self._streams.notable()]

    def heed(self, elsewhere: Mapping[Counted, int]) -> None:
        """Count what runs in other processes as well, until told anew."""
        self._calls.heed(elsewhere)
        self._streams.heed(elsewhere)

    def take_call(self, principal: Principal) -> None:
        """Count a call in flight; `give_call` when it is over. Raises Refusal."""
        self._calls.take(principal)

    def give_call(self, principal: Principal) -> None:
        self._calls.give(principal)

    @contextmanager
    def stream(self, principal: Principal) -> Iterator[None]:
        """Count a stream that stays open. Raises Refusal."""
        self._streams.take(principal)
        try:
            yield
        finally:
            self._streams.give(principal)


def session_refusal(error: SessionLimit) -> Refusal:
    return _refusal(error.name, error.limit, "sessions", "End the sessions you no longer use with DELETE", 60)


class _Counter:
    def __init__(self, what: str, per_principal: int, per_tenant: int) -> None:
        self._what = what
        self._per_principal = per_principal
        self._per_tenant = per_tenant
        self._counts: dict[str | tuple[str, ...], int] = {}
        self._elsewhere: dict[str | tuple[str, ...], int] = {}
        self.total = 0

    def notable(self) -> Iterator[tuple[Counted, int]]:
        for whose, count in self._counts.items():
            if count * NOTABLE >= (self._per_tenant if isinstance(whose, str) else self._per_principal):
                yield (self._what, whose), count

    def heed(self, elsewhere: Mapping[Counted, int]) -> None:
        self._elsewhere = {whose: count for (what, whose), count in elsewhere.items() if what == self._what}

    def take(self, principal: Principal) -> None:
        counts, tenant, caller = self._counts, principal.tenant, principal.identity
        of_tenant, of_caller = counts.get(tenant, 0), counts.get(caller, 0)
        others = self._elsewhere
        if of_caller + (others.get(caller, 0) if others else 0) >= self._per_principal:
            raise self._refusal("principal", self._per_principal)
        if of_tenant + (others.get(tenant, 0) if others else 0) >= self._per_tenant:
            raise self._refusal("tenant", self._per_tenant)
        counts[tenant], counts[caller] = of_tenant + 1, of_caller + 1
        self.total += 1

    def give(self, principal: Principal) -> None:
        self.total -= 1
        for key in (principal.tenant, principal.identity):
            left = self._counts[key] - 1
            if left:
                self._counts[key] = left
            else:
                del self._counts[key]

    def _refusal(self, whose: str, limit: int) -> Refusal:
        hint = f"Wait until some of your {self._what} are over"
        return _refusal(f"{self._what}_per_{whose}", limit, self._what, hint, RETRY_SECONDS)


def _refusal(name: str, limit: int, what: str, hint: str, seconds: int) -> Refusal:
    return Refusal(
        429,
        "too_many",
        f"There are {limit} {what} at once already, which is the limit {name}.",
        f"{hint}, or try again in {seconds} s.",
        headers=[(b"retry-after", b"%d" % seconds)],
        more={"limit": name, "retry_after": seconds},
    )
