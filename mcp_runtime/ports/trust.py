"""The trust port: whose signatures on access tokens count, and which logins ended before their tokens expired."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from typing import Protocol

import msgspec


class Signers(msgspec.Struct, frozen=True):
    """One tenant's issuer, as a gateway knows it."""

    tenant_id: str
    issuer: str
    """Its identifier, byte for byte as tokens have it in `iss`."""
    keys: Mapping[str, Mapping[str, str]]
    """Public keys (RFC 7517) by their `kid`."""


class Revocation(msgspec.Struct, frozen=True):
    """A login that ended, and whose it was."""

    grant_id: str
    subject: str


class Trust(Protocol):
    """Asked in the background every few seconds, and once for a tenant seen for the first time."""

    async def signers(self, tenants: Collection[str]) -> Mapping[str, Signers]:
        """By slug. A tenant that is unknown, suspended or without keys is left out."""

    async def revocations(self, seconds: float) -> Collection[Revocation]:
        """Logins revoked in about the last `seconds`, anywhere."""

    def announcements(self) -> AsyncGenerator[Revocation | None, None]:
        """Revocations as they happen. None: ask again, for keys or revocations may have changed unheard."""


class MemoryTrust:
    """Trust without a database, for tests."""

    def __init__(self, **signers: Signers) -> None:
        self.known = dict(signers)
        self.revoked: list[Revocation] = []
        self.asked = 0
        self.failing = False
        self._listeners: set[asyncio.Queue[Revocation | None]] = set()

    async def signers(self, tenants: Collection[str]) -> Mapping[str, Signers]:
        self._ask()
        return {slug: self.known[slug] for slug in tenants if slug in self.known}

    async def revocations(self, seconds: float) -> Collection[Revocation]:
        self._ask()
        return list(self.revoked)

    async def announcements(self) -> AsyncGenerator[Revocation | None, None]:
        queue: asyncio.Queue[Revocation | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)

    def revoke(self, revocation: Revocation, *, announced: bool = True) -> None:
        self.revoked.append(revocation)
        if announced:
            self.announce(revocation)

    def announce(self, news: Revocation | None) -> None:
        for queue in self._listeners:
            queue.put_nowait(news)

    def _ask(self) -> None:
        self.asked += 1
        if self.failing:
            raise ConnectionError("The database is away.")
