"""The place of one revision on this host: at most one worker that takes new calls, and those that finish old ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from mcp_runtime.ports.sandboxes import CrashLooping, LoadFailed, SandboxError, WorkerDied
from mcp_runtime.ports.workers import Worker
from mcp_runtime.sandbox.crashes import Crashes
from mcp_runtime.sandbox.workers import Ending, Ground, LiveWorker, State

DRAIN_SECONDS = 30.0


class SecretsWanted(Exception):
    """A worker must be started, and nobody has said with which environment."""


class Lease(Protocol):
    """One gateway's use of one worker."""

    def draining(self) -> None:
        """Start nothing new; release when done."""

    def gone(self, error: SandboxError) -> None:
        """The worker has ended, the lease with it."""


class Slot:
    """Workers of one revision. `admit` waits for room on the host before a start; `left` is told of every end."""

    def __init__(
        self, ground: Ground, admit: Callable[[Worker], Awaitable[None]], left: Callable[[Worker], None]
    ) -> None:
        self._ground = ground
        self._admit = admit
        self._left = left
        self._crashes = Crashes()
        self._load_failure: LoadFailed | None = None
        self._current: LiveWorker | None = None
        self._starting: asyncio.Task[LiveWorker] | None = None
        self._outdated = False
        self._drains: dict[LiveWorker, asyncio.TimerHandle] = {}
        self._leases: dict[LiveWorker, set[Lease]] = {}
        self._idle_since: dict[LiveWorker, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    @property
    def empty(self) -> bool:
        """Nothing lives here and nothing needs to be remembered."""
        self._crashes.forget(self._loop.time())
        return not self._leases and self._starting is None and self._crashes.count == 0

    @property
    def workers(self) -> list[LiveWorker]:
        return list(self._leases)

    @property
    def current(self) -> LiveWorker | None:
        """The worker that new calls go to; None while there is none or it is being started."""
        return self._current

    @property
    def crashes(self) -> int:
        return self._crashes.count

    async def worker(self, worker: Worker, environment: Mapping[str, str] | None) -> LiveWorker:
        """The ready worker. However many ask, it is started once.

        Raises SecretsWanted when it must be started and `environment` is None; CrashLooping, or the last LoadFailed,
        while starting again makes no sense; LoadFailed, RunnerUnavailable and Overloaded as the start itself does.
        """
        if self._current is not None and self._current.ending:
            self._current = None
        if self._current is not None:
            return self._current
        if self._starting is None:
            self._refuse_too_early()
            if environment is None:
                raise SecretsWanted
            self._starting = asyncio.create_task(self._start(worker, environment))
            self._starting.add_done_callback(_observed)
        return await asyncio.shield(self._starting)

    def lease(self, live: LiveWorker, lease: Lease) -> None:
        self._leases[live].add(lease)

    def release(self, live: LiveWorker, lease: Lease, *, idle_seconds: float = 0.0) -> None:
        """The lease is over; the last call ended `idle_seconds` ago. Leases of dead workers are over already."""
        leases = self._leases.get(live)
        if leases is None:
            return
        leases.discard(lease)
        if not leases:
            self._idle_since[live] = self._loop.time() - idle_seconds
            if live.state is State.DRAINING:
                self._spawn(live.stop())

    def idle_for(self, live: LiveWorker) -> float:
        """Seconds since nobody uses it; 0 while somebody does."""
        return 0.0 if self._leases.get(live) else self._loop.time() - self._idle_since.get(live, self._loop.time())

    def drain(self, live: LiveWorker) -> None:
        """Let it finish what runs, at most DRAIN_SECONDS, while new calls go to another."""
        if live.state is not State.READY:
            return
        live.state = State.DRAINING
        if self._current is live:
            self._current = None
        leases = self._leases[live]
        if not leases:
            self._spawn(live.stop())
            return
        late = WorkerDied("The worker was replaced, and this call did not end in time.", reason="killed")
        self._drains[live] = self._loop.call_later(DRAIN_SECONDS, lambda: live.kill(late, crash=False))
        for lease in list(leases):
            lease.draining()

    def kill(self, live: LiveWorker, error: SandboxError, *, crash: bool) -> None:
        """End it now. New calls do not wait for that, and a crash counts before the next start."""
        if live.ending:
            return  # whoever was first has counted it, or will
        if self._current is live:
            self._current = None
        if crash:
            self._crashes.record(self._loop.time(), live.age)
        live.kill(error, crash=False)

    def retire(self) -> None:
        """Drain every worker, one that is just being started included: its environment is outdated."""
        for live in self.workers:
            self.drain(live)
        self._outdated = self._starting is not None

    async def aclose(self) -> None:
        """End everything now."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait((self._starting,))
        gone = WorkerDied("The sandbox runner was stopped.", reason="killed")
        for live in self.workers:
            live.kill(gone, crash=False)
        for live in self.workers:
            await live.gone()

    def _refuse_too_early(self) -> None:
        wait = self._crashes.wait(self._loop.time())
        if wait <= 0:
            return
        if (failure := self._load_failure) is not None:
            again = LoadFailed(failure.message, detail=failure.detail, line=failure.line, hint=failure.hint)
            again.retry_after = wait
            raise again
        raise CrashLooping(
            f"The worker crashed {self._crashes.count} times in a row; it is started again in {wait:.1f} s.",
            retry_after=wait,
        )

    async def _start(self, worker: Worker, environment: Mapping[str, str]) -> LiveWorker:
        try:
            await self._admit(worker)
            try:
                return await self._started(worker, environment)
            except BaseException:
                self._left(worker)
                raise
        finally:
            self._starting = None

    async def _started(self, worker: Worker, environment: Mapping[str, str]) -> LiveWorker:
        live = LiveWorker(worker, self._ground, self._ended)
        try:
            await live.start(environment)
        except LoadFailed as failure:
            self._load_failure = failure
            self._crashes.record(self._loop.time(), 0.0)
            raise
        self._load_failure = None
        self._current = live
        self._leases[live] = set()
        self._idle_since[live] = self._loop.time()
        if self._outdated:
            self._outdated = False
            self._loop.call_soon(self.drain, live)
        return live

    def _ended(self, live: LiveWorker, ending: Ending) -> None:
        if self._current is live:
            self._current = None
        if ending.crash:
            self._crashes.record(self._loop.time(), live.age)
        if timer := self._drains.pop(live, None):
            timer.cancel()
        self._idle_since.pop(live, None)
        for lease in self._leases.pop(live, set()):
            lease.gone(ending.error)
        self._left(live.worker)

    def _spawn(self, stopping: Awaitable[None]) -> None:
        async def stop() -> None:
            await stopping

        task = asyncio.create_task(stop())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _observed(task: asyncio.Task[LiveWorker]) -> None:
    """A failed start that nobody waits for any more is no unhandled error."""
    if not task.cancelled():
        task.exception()
