"""What this process knows about the tenants' issuers: their keys, and the logins that were revoked.

It is kept in memory and brought up to date every two seconds and at every announcement, so that a token is verified
without asking anybody. When nothing was heard for longer than a revocation may take (5 s, SECURITY 0.7), tokens are
refused until something is: this fails closed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

from mcp_runtime.authorization.access_tokens import Issuer, looks_like_one
from mcp_runtime.ports.trust import Revocation, Signers, Trust
from mcp_runtime.transports.refusals import Refusal
from tenants.principal import Principal

POLL_SECONDS = 2.0
STALE_SECONDS = 5.0
REMEMBERED_SECONDS = 20 * 60.0
"""Longer than an access token lives: after that a revocation says nothing that its expiry does not."""
OVERLAP_SECONDS = 60.0
"""How far each question about revocations reaches back over the one before: clocks, and transactions that took long."""
MAX_TENANTS = 2_000
UNKNOWN_SECONDS = 1.0
"""How often a tenant without keys, or a `kid` we do not know, may make us ask again."""

log = logging.getLogger("stoa.gateway")


class TrustedIssuers:
    """Turns access tokens into principals. `revocations` tells which subjects' answers no longer hold."""

    def __init__(
        self,
        trust: Trust,
        *,
        now: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._trust = trust
        self._now = now
        self._clock = clock
        self._issuers: OrderedDict[str, Issuer] = OrderedDict()
        self._unknown: dict[str, float] = {}
        self._revoked: dict[str, float] = {}
        self._asked_at: float | None = None
        self._asking: asyncio.Task[None] | None = None
        self._news: asyncio.Queue[str] = asyncio.Queue()

    async def authenticate(self, token: str, *, tenant: str) -> Principal | None:
        """The principal of an access token of the tenant's issuer; None for any other. Raises Refusal when unsure."""
        if not looks_like_one(token):
            return None
        try:
            await self._be_up_to_date()
            issuer = self._issuers.get(tenant) or await self._meet(tenant)
            claims = issuer.claims(token, now=self._clock) if issuer else None
            if issuer and claims is None and await self._has_new_keys(tenant):
                issuer = self._issuers[tenant]
                claims = issuer.claims(token, now=self._clock)
        except Exception as error:
            log.warning("Refusing tokens, for it cannot be known whether they were revoked: %s", error)
            raise _unsure() from error
        if issuer is None or claims is None or claims.grant in self._revoked:
            return None
        return issuer.principal(claims)

    async def revocations(self) -> AsyncGenerator[str, None]:
        """Subjects whose answers no longer hold; `*` for all. What keeps this process up to date while it is read."""
        running = [asyncio.create_task(work()) for work in (self._listen, self._poll)]
        try:
            while True:
                yield await self._news.get()
        finally:
            for task in running:
                while not task.done():  # redis-py may lose a cancellation (python/cpython#86296)
                    task.cancel()
                    await asyncio.wait({task}, timeout=0.1)

    async def _listen(self) -> None:
        while True:
            with suppress(ConnectionError, OSError):
                async with aclosing(self._trust.announcements()) as announcements:
                    async for news in announcements:
                        if news is None:
                            await self._ask_or_log()
                        else:
                            self._revoke(news)
            await asyncio.sleep(POLL_SECONDS)

    async def _poll(self) -> None:
        while True:
            await self._ask_or_log()
            await asyncio.sleep(POLL_SECONDS)

    async def _ask_or_log(self) -> None:
        try:
            await self._ask()
        except Exception as error:  # noqa: BLE001  whatever the port raises: it is asked again, and `authenticate` refuses
            log.warning("Cannot learn which logins were revoked: %s", error)

    async def _be_up_to_date(self) -> None:
        if self._asked_at is None or self._now() - self._asked_at >= STALE_SECONDS:
            await self._ask()

    async def _ask(self) -> None:
        """Concurrent callers share one question. One of them hanging up does not end it for the others."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._catch_up())
        await asyncio.shield(self._asking)

    async def _catch_up(self) -> None:
        began = self._now()
        since = REMEMBERED_SECONDS if self._asked_at is None else began - self._asked_at + OVERLAP_SECONDS
        for revocation in await self._trust.revocations(min(since, REMEMBERED_SECONDS)):
            self._revoke(revocation)
        if self._issuers:
            found = await self._trust.signers(tuple(self._issuers))
            for slug in list(self._issuers):
                self._update(slug, found.get(slug))
        self._forget_the_old()
        self._asked_at = began

    def _update(self, slug: str, signers: Signers | None) -> None:
        known = self._issuers.get(slug)
        if signers is None:
            if self._issuers.pop(slug, None) is not None:
                self._news.put_nowait("*")  # the tenant was suspended, or is no more
        elif known is None or known.signers != signers:
            self._issuers[slug] = Issuer(signers)
            if known is not None and not known.signers.keys.keys() <= signers.keys.keys():
                self._news.put_nowait("*")  # a key is trusted no longer

    async def _meet(self, slug: str) -> Issuer | None:
        """A tenant that this process has not served yet."""
        if self._unknown.get(slug, 0.0) > self._now():
            return None
        self._update(slug, (await self._trust.signers([slug])).get(slug))
        if slug not in self._issuers:
            self._remember_unknown(slug)
        elif len(self._issuers) > MAX_TENANTS:
            self._issuers.popitem(last=False)
        return self._issuers.get(slug)

    async def _has_new_keys(self, slug: str) -> bool:
        """The issuer may have begun to sign with a key that is newer than what we know."""
        if self._unknown.get(slug, 0.0) > self._now():
            return False
        self._remember_unknown(slug)
        before = self._issuers.get(slug)
        self._update(slug, (await self._trust.signers([slug])).get(slug))
        return self._issuers.get(slug) not in (None, before)

    def _remember_unknown(self, slug: str) -> None:
        if len(self._unknown) >= MAX_TENANTS:
            self._unknown.clear()
        self._unknown[slug] = self._now() + UNKNOWN_SECONDS

    def _revoke(self, revocation: Revocation) -> None:
        if revocation.grant_id not in self._revoked:
            self._news.put_nowait(revocation.subject)
        self._revoked[revocation.grant_id] = self._now()

    def _forget_the_old(self) -> None:
        before = self._now() - REMEMBERED_SECONDS
        for grant_id in [grant_id for grant_id, at in self._revoked.items() if at < before]:
            del self._revoked[grant_id]


def _unsure() -> Refusal:
    return Refusal(
        503,
        "revocations_unknown",
        "The platform cannot tell at the moment whether this credential was revoked.",
        "Try again in a few seconds.",
        party="platform",
        headers=[(b"retry-after", b"5")],
        unread=True,
    )
