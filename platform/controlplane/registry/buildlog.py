"""The log of one build: rows in Postgres, and a wake-up for whoever is watching.

The rows are the truth. The channel layer only says "look again" (ARCHITECTURE 6.4), so a lost wake-up costs a
watcher one turn of polling.
"""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType
from typing import Self

from channels.layers import get_channel_layer
from django.db.models import Max
from django.utils import timezone
from redis.exceptions import RedisError

from controlplane.registry.models import BuildLogLine
from tenants.context import run_acting_for

FLUSH_SECONDS = 0.1
"""Lines that come together are written together; a watcher sees them this much later at most."""
_CUT = " … (cut)"
_END = f"The log ends here: a build may write {BuildLogLine.MAX_LINES} lines."

log = logging.getLogger(__name__)


def group_of(revision_id: str) -> str:
    """The channel-layer group that hears when a revision or its log has changed."""
    return f"revision.{revision_id}"


async def wake(revision_id: str) -> None:
    """Tell watchers to look again. Never fails: they poll as well."""
    layer = get_channel_layer()
    assert layer is not None  # settings name one in every environment
    try:
        await layer.group_send(group_of(revision_id), {"type": "revision.changed"})
    except (RedisError, OSError) as error:
        log.warning("Watchers of %s were not woken: %s", revision_id, error)


class BuildLog:
    """Collects lines and writes them in the background. Bounded: MAX_BYTES a line, MAX_LINES a revision.

    `write` never blocks, so a build cannot be held up by the database; what it can hold in memory is bounded by the
    lines it may still write.
    """

    def __init__(self, tenant_id: str, revision_id: str) -> None:
        self.tenant_id = tenant_id
        self.revision_id = revision_id
        self._pending: list[BuildLogLine] = []
        self._seq = 0
        self._wanted = asyncio.Event()
        self._closing = False
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._seq = await run_acting_for(self.tenant_id, self._last_seq)
        self._writer = asyncio.create_task(self._write_pending())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Everything written so far is stored when this returns."""
        self._closing = True
        self._wanted.set()
        if self._writer is not None:
            await self._writer

    def write(self, text: str) -> None:
        """Add one line, or several when `text` has line breaks. Called in the event loop's thread."""
        for line in text.splitlines() or [""]:
            if self._seq > BuildLogLine.MAX_LINES:
                return
            self._seq += 1
            kept = _storable(line) if self._seq <= BuildLogLine.MAX_LINES else _END
            self._pending.append(
                BuildLogLine(revision_id=self.revision_id, seq=self._seq, text=kept, at=timezone.now())
            )
        self._wanted.set()

    async def _write_pending(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if not self._closing:
                await asyncio.sleep(FLUSH_SECONDS)
            lines, self._pending = self._pending, []
            if lines:
                await run_acting_for(self.tenant_id, BuildLogLine.objects.bulk_create, lines)
                await wake(self.revision_id)
            if self._closing and not self._pending:
                return

    def _last_seq(self) -> int:
        """An attempt that takes over continues the log of the one before."""
        lines = BuildLogLine.objects.filter(revision_id=self.revision_id)
        return int(lines.aggregate(last=Max("seq"))["last"] or 0)


def _storable(line: str) -> str:
    """PostgreSQL stores no NUL and no half of a surrogate pair, and a line has its bound in bytes."""
    line = line.replace("\0", "�")
    encoded = line.encode("utf-8", "replace")
    if len(encoded) > BuildLogLine.MAX_BYTES:
        kept = encoded[: BuildLogLine.MAX_BYTES - len(_CUT.encode())]
        return kept.decode("utf-8", "ignore") + _CUT
    return encoded.decode("utf-8")
