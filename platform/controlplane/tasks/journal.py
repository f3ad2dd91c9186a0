"""What the run of one task writes, into its row: progress and log a few times a second at most."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import msgspec

from controlplane.tasks import leases
from controlplane.tasks.leases import Claim
from mcp_runtime.ports.tasks import LeaseLost, NotAnswered
from mcp_runtime.protocol.messages import LogMessage, Progress, Question
from tenants.context import run_acting_for

P = ParamSpec("P")
R = TypeVar("R")

WRITE_SECONDS = 0.5
"""Between two writes of progress: of a million events a few reach the database."""
PATIENCE_SECONDS = 20.0
"""How long a run waits for an answer before it ends, to be begun again with the answer."""
MAX_WAITING = 100
"""Log messages between two writes; the oldest make room."""

log = logging.getLogger(__name__)


class RowJournal:
    """`mcp_runtime.ports.tasks.Journal`."""

    def __init__(self, claim: Claim) -> None:
        self.task_id = claim.task_id
        self.dialogue = claim.dialogue
        self._claim = claim
        self._news = asyncio.Event()
        self._progress: Progress | None = None
        self._furthest = -math.inf
        self._log: list[LogMessage] = []
        self._writer: asyncio.Task[None] | None = None

    def changed(self) -> None:
        """Somebody says that the task is another one now: perhaps there is an answer."""
        self._news.set()

    def heard(self, method: str, params: msgspec.Raw) -> None:
        try:
            if method == "notifications/progress":
                progress = _progress(params)
                if not progress.progress > self._furthest:
                    return  # it only grows (PROTOCOL 2.4)
                self._furthest, self._progress = progress.progress, progress
            else:
                self._log = [*self._log, _log_message(params)][-MAX_WAITING:]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return  # what a server says is not to be trusted
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_on())

    async def ask(self, questions: dict[str, Question], *, state: str | None, returned: bool) -> dict[str, msgspec.Raw]:
        await self.flush()
        keys = await self._act(leases.ask, questions, state=state, returned=returned)
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            self._news.clear()
            late = asyncio.get_running_loop().time() >= deadline
            found = await self._act(leases.answers, keys, park=late)
            if found is not None:
                return dict(zip(questions, found, strict=True))
            if late:
                raise NotAnswered
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def flush(self) -> None:
        """Write what waits. Raises LeaseLost."""
        progress, self._progress = self._progress, None
        said, self._log = self._log, []
        if progress is not None or said:
            await self._act(leases.report, progress, said)

    async def close(self) -> None:
        """The run is over: nothing more is written by the way."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait({self._writer})

    async def _write_on(self) -> None:
        """At once, then as long as there is more."""
        try:
            while self._progress is not None or self._log:
                await self.flush()
                await asyncio.sleep(WRITE_SECONDS)
        except LeaseLost:
            return  # the renewal of the lease finds out, and ends the run
        except Exception:
            log.exception("The progress of %s could not be written.", self.task_id)
        finally:
            self._writer = None

    async def _act(self, function: Callable[Concatenate[Claim, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        def act() -> R:
            return function(self._claim, *args, **kwargs)

        return await run_acting_for(self._claim.tenant_id, act)


_progress = msgspec.json.Decoder(Progress).decode
_log_message = msgspec.json.Decoder(LogMessage).decode
