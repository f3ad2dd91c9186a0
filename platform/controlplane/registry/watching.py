"""Follow a revision's build as it happens: its log's lines, then its outcome."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from controlplane.announcements import end
from controlplane.registry import services
from controlplane.registry.buildlog import group_of
from controlplane.registry.models import BuildLogLine, Revision
from tenants.context import run_acting_for

POLL_SECONDS = 1.0
"""How late a watcher is at most while Redis is away."""
SAFETY_SECONDS = 5.0
"""How late at most when a single wake-up is lost."""
HEARTBEAT_SECONDS = 15.0
LONGEST_WATCH = 30 * 60.0
"""A watch ends then; a client that still cares continues behind the last line it has."""
BATCH = 500

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """The build is over; nothing follows."""

    revision: Revision


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing happened for a while: the moment to find out whether anyone still listens."""


async def watch(tenant_id: str, revision_id: str, *, after: int = 0) -> AsyncIterator[BuildLogLine | Ended | Idle]:
    """The lines behind line `after`, each once and in order, then Ended. Raises RevisionNotFound."""
    deadline = time.monotonic() + LONGEST_WATCH
    quiet_since = time.monotonic()
    async with _wake_ups(revision_id) as wait:
        while time.monotonic() < deadline:
            revision, lines = await run_acting_for(tenant_id, _look, revision_id, after)
            for line in lines:
                after = line.seq
                quiet_since = time.monotonic()
                yield line
            if len(lines) == BATCH:
                continue
            if revision.finished:
                yield Ended(revision)
                return
            if time.monotonic() - quiet_since > HEARTBEAT_SECONDS:
                quiet_since = time.monotonic()
                yield Idle()
            await wait()


def _look(revision_id: str, after: int) -> tuple[Revision, list[BuildLogLine]]:
    """The state first, the lines second: a build stores its last line before it finishes."""
    revision = services.find_revision(revision_id)
    return revision, services.log_lines(revision_id, after=after, limit=BATCH)


@asynccontextmanager
async def _wake_ups(revision_id: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Gives a function that returns when the revision changed, or after a while: a wake-up can be lost."""
    changed, subscribed = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(SAFETY_SECONDS if subscribed.is_set() else POLL_SECONDS):
                await changed.wait()
        changed.clear()

    # A task of its own receives for as long as the watch lasts: a receive that is cancelled gives up its channel.
    listening = asyncio.create_task(_listen(revision_id, changed, subscribed))
    try:
        yield wait
    finally:
        await end(listening)


async def _listen(revision_id: str, changed: asyncio.Event, subscribed: asyncio.Event) -> None:
    layer, group = get_channel_layer(), group_of(revision_id)
    assert layer is not None  # settings name one in every environment
    try:
        channel = await layer.new_channel()
        await layer.group_add(group, channel)
        subscribed.set()
        changed.set()  # what happened before the subscription was not heard
        try:
            while True:
                await layer.receive(channel)
                changed.set()
        finally:
            with suppress(RedisError, OSError):
                await layer.group_discard(group, channel)
    except (RedisError, OSError) as error:
        subscribed.clear()
        log.warning("Watching %s by polling only: %s", revision_id, error)
