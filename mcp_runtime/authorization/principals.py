"""Who a token belongs to, asked at most once in a few seconds (SECURITY 0.7: revocation within 5 s everywhere)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from mcp_runtime.authorization.rights import is_within
from mcp_runtime.ports.credentials import Credentials
from tenants.principal import Principal

V = TypeVar("V")

log = logging.getLogger("stoa.gateway")

CACHE_SECONDS = 5.0
"""How long an answer is believed when no revocation arrives: the bound that holds when the messenger is down."""
REFUSED_SECONDS = 1.0
MAX_PRINCIPALS = 10_000
MAX_REFUSED = 1_000
"""Refused tokens are kept apart, so that a flood of them cannot push out the callers who are known."""
MAX_QUESTIONS = 5
"""Answers overtaken by a revocation, in a row, before the token is refused."""
RETRY_SECONDS = 1.0


class Principals:
    """A bounded cache in front of the Credentials port. Keys are digests: tokens are not kept."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        seconds: float = CACHE_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credentials = credentials
        self._seconds = seconds
        self._now = now
        self._known: dict[bytes, tuple[Principal, float]] = {}
        self._refused: dict[bytes, float] = {}
        self._asking: dict[bytes, asyncio.Task[Principal | None]] = {}
        self._revocations = 0
        self._follower: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to follow revocations."""
        self._follower = asyncio.create_task(self._follow(), name="principals: follow revocations")

    async def aclose(self) -> None:
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.wait([self._follower])
            self._follower = None
        for task in list(self._asking.values()):
            task.cancel()

    def known(self, token: str, tenant: str, address: str = "") -> Principal | None:
        """The principal if it is in the cache: the whole of a warm call's key check."""
        entry = self._known.get(_digest(token, tenant))
        if entry is None or entry[1] <= self._now():
            return None
        principal = entry[0]
        return principal if not principal.networks or is_within(address, principal.networks) else None

    async def authenticate(self, token: str, tenant: str, address: str = "") -> Principal | None:
        """The principal of `token` at `tenant`, None when it is refused. Concurrent questions are asked once.

        `address` is where the caller is, as far as that is known: some credentials count in some networks only.
        """
        principal = await self._principal(token, tenant)
        if principal is None or not principal.networks or is_within(address, principal.networks):
            return principal
        elsewhere = _digest(token, f"{tenant} from {address}")
        if self._refused.get(elsewhere, 0.0) <= self._now():
            _keep(self._refused, elsewhere, self._now() + REFUSED_SECONDS, MAX_REFUSED)
            await self._credentials.refused(principal, "address")
        return None

    async def _principal(self, token: str, tenant: str) -> Principal | None:
        digest = _digest(token, tenant)
        now = self._now()
        entry = self._known.get(digest)
        if entry is not None and entry[1] > now:
            return entry[0]
        if self._refused.get(digest, 0.0) > now:
            return None
        task = self._asking.get(digest)
        if task is None:
            task = asyncio.create_task(self._ask(digest, token, tenant))
            self._asking[digest] = task
            task.add_done_callback(lambda _: self._asking.pop(digest, None))
        # One caller hanging up must not fail the others who wait for the same answer.
        return await asyncio.shield(task)

    def forget(self, subject: str) -> None:
        """Drop what is cached about a subject or a key of theirs, `*` for all."""
        self._revocations += 1
        if subject == "*":
            self._known.clear()
            self._refused.clear()
            return
        gone = [digest for digest, (one, _) in self._known.items() if subject in (one.subject, one.client_id)]
        for digest in gone:
            del self._known[digest]

    async def _ask(self, digest: bytes, token: str, tenant: str) -> Principal | None:
        for _ in range(MAX_QUESTIONS):
            revocations = self._revocations
            principal = await self._credentials.authenticate(token, tenant=tenant)
            # A credential revoked while the answer was on its way may be this one: ask again.
            if revocations == self._revocations:
                break
        else:
            return None
        if principal is None:
            _keep(self._refused, digest, self._now() + min(REFUSED_SECONDS, self._seconds), MAX_REFUSED)
        else:
            _keep(self._known, digest, (principal, self._now() + self._seconds), MAX_PRINCIPALS)
        return principal

    async def _follow(self) -> None:
        while True:
            try:
                async for subject in self._credentials.revocations():
                    self.forget(subject)
            except Exception:
                log.exception("The stream of revoked credentials broke; following it again.")
            self.forget("*")
            await asyncio.sleep(RETRY_SECONDS)


def _keep(cache: dict[bytes, V], key: bytes, value: V, limit: int) -> None:
    """Last in, with the oldest making room."""
    cache.pop(key, None)
    if len(cache) >= limit:
        del cache[next(iter(cache))]
    cache[key] = value


def _digest(token: str, tenant: str) -> bytes:
    return hashlib.sha256(f"{len(tenant)}:{tenant}{token}".encode()).digest()
