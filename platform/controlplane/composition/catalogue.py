"""The gateways' catalogue: published plans, out of Postgres (`mcp_runtime.ports.plans.Catalogue`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeAlias

import msgspec
from django.db import DatabaseError

from controlplane.announcements import PLANS, end, listen
from controlplane.composition.models import Endpoint, EndpointVersion, PlanCounter
from mcp_runtime.ports.plans import PlanDocument
from tenants import lookups
from tenants.context import acting_for, in_thread, run_acting_for

POLL_SECONDS = 2.0
EVERYTHING = ("*", "*")
_QUEUE_LENGTH = 1_000

News: TypeAlias = "asyncio.Queue[tuple[str, str] | Exception]"


class DatabaseCatalogue:
    """Answers from Postgres each time: gateways keep plans in memory and forget those that `changes` names."""

    async def plan(self, tenant: str, endpoint: str) -> PlanDocument | None:
        return await in_thread(_plan, tenant, endpoint)

    async def changes(self) -> AsyncIterator[tuple[str, str]]:
        """Changes as they are announced; everything after a reconnect, or when the counter shows that some were missed.

        A slow consumer holds up its own queue only: when that is full, it is told to forget everything.
        """
        news: News = asyncio.Queue(_QUEUE_LENGTH)
        tally = _Tally()
        running = [asyncio.create_task(_told(news, work(news, tally))) for work in (_listen, _compare)]
        try:
            while True:
                if news.full():
                    while not news.empty():
                        news.get_nowait()
                    yield EVERYTHING
                change = await news.get()
                if isinstance(change, Exception):
                    raise change
                yield change
        finally:
            for task in running:
                await end(task)


async def version_of(tenant_id: str, endpoint_id: str, number: int) -> PlanDocument | None:
    """The plan of an endpoint as it was published under this number, whichever is served now."""
    return await run_acting_for(tenant_id, _version, endpoint_id, number)


class _Tally:
    """Compares announcements heard with plans published.

    A plan is counted before it is announced, so the counter may run ahead of what was heard for a moment: only a
    difference seen by two polls in a row is a miss.
    """

    def __init__(self) -> None:
        self.heard = 0
        self.began = asyncio.Event()
        """The first look at the counter is over. Who listens begins after it: what comes between is then missed, not
        lost."""
        self._base: int | None = None
        self._suspicious = False

    def missed(self, published: int, heard_before: int) -> bool:
        """`published` was read after `heard_before` was, so what had been heard is counted in it."""
        if self._base is None or self._base + heard_before > published:
            self._base = published - heard_before
        behind = published > self._base + heard_before
        missed = behind and self._suspicious
        if missed:
            self._base = published - heard_before
        self._suspicious = behind and not missed
        return missed


async def _told(news: News, work: Coroutine[Any, Any, None]) -> None:
    """A fault in either half reaches the consumer instead of leaving it waiting for ever."""
    try:
        await work
    except Exception as error:  # noqa: BLE001  handed on, whatever it is
        await news.put(error)


async def _listen(news: News, tally: _Tally) -> None:
    await tally.began.wait()
    async for message in listen(PLANS):
        if message is None:
            await news.put(EVERYTHING)
            continue
        tally.heard += 1
        tenant, _, endpoint = message.partition("/")
        await news.put((tenant, endpoint))


async def _compare(news: News, tally: _Tally) -> None:
    while True:
        heard_before = tally.heard
        try:
            published = await in_thread(_published)
        except DatabaseError:  # it is asked again in a moment, and a gateway without Postgres serves what it has
            published = None
        if published is not None and tally.missed(published, heard_before):
            await news.put(EVERYTHING)
        tally.began.set()
        await asyncio.sleep(POLL_SECONDS)


def _plan(tenant: str, endpoint: str) -> PlanDocument | None:
    summary = lookups.tenant_by_slug(tenant)
    if summary is None or not summary.active:
        return None
    with acting_for(summary.id):
        document = (
            Endpoint.objects.filter(slug=endpoint, published__isnull=False)
            .values_list("published__document", flat=True)
            .first()
        )
    return None if document is None else msgspec.convert(document, PlanDocument)


def _version(endpoint_id: str, number: int) -> PlanDocument | None:
    found = EndpointVersion.objects.filter(endpoint_id=endpoint_id, number=number)
    document = found.values_list("document", flat=True).first()
    return None if document is None else msgspec.convert(document, PlanDocument)


def _published() -> int:
    return PlanCounter.objects.filter(pk=PlanCounter.ROW).values_list("published", flat=True).first() or 0
