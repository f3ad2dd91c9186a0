"""Follow a revision's build as it happens: its log's lines, then its outcome."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from controlplane.registry import services
from controlplane.registry.buildlog import group_of
from controlplane.registry.models import BuildLogLine, Revision
from tenants.context import run_acting_for

POLL_SECONDS = 1.0
"""How late a watcher is at most when no wake-up arrives."""
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


class _Waiting:
    """Returns when the revision changed, or after a second: Redis may be away."""

    def __init__(self, channel: str | None) -> None:
        self.channel = channel

    async def __call__(self) -> None:
        layer = get_channel_layer()
        if self.channel is None or layer is None:
            await asyncio.sleep(POLL_SECONDS)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await layer.receive(self.channel)


@asynccontextmanager
async def _wake_ups(revision_id: str) -> AsyncIterator[_Waiting]:
    layer, group = get_channel_layer(), group_of(revision_id)
    channel: str | None = None
    try:
        if layer is not None:
            channel = await layer.new_channel()
            await layer.group_add(group, channel)
    except (RedisError, OSError) as error:
        log.warning("Watching %s by polling only: %s", revision_id, error)
        channel = None
    try:
        yield _Waiting(channel)
    finally:
        if layer is not None and channel is not None:
            with suppress(RedisError, OSError):
                await layer.group_discard(group, channel)
