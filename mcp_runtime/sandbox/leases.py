"""The gateway's side of one revision: at most one leased worker that new calls go to, got when first needed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import msgspec

from mcp_runtime.ports.credentials import Secrets
from mcp_runtime.ports.sandboxes import (
    Asker,
    EventSink,
    RunnerUnavailable,
    SandboxError,
    WorkerDied,
    WorkerMisbehaved,
)
from mcp_runtime.ports.workers import Caller, Worker
from mcp_runtime.sandbox import control
from mcp_runtime.sandbox.gate import Gate
from mcp_runtime.sandbox.line import RunnerLine
from mcp_runtime.sandbox.rpc import WorkerConnection, copied

ATTEMPTS = 3
"""Workers tried for one call when each goes away before anything was sent to it."""
START_SECONDS = 25.0
"""What a start may take besides loading: room on the host, the box, and a busy machine."""
OBITUARY_SECONDS = 2.0
"""Between the end of a worker's socket and the runner's word why."""
_SETTLE_SECONDS = 0.05
_REPORT_CALLS = 500


class WorkerSlot:
    """Calls to one revision. `on_empty` is called when nothing is left that would need it."""

    def __init__(
        self, worker: Worker, line: RunnerLine, secrets: Secrets | None, on_empty: Callable[[], object]
    ) -> None:
        self._worker = worker
        self._line = line
        self._secrets = secrets
        self._on_empty = on_empty
        self._gate = Gate(worker.limits.calls_in_flight, worker.limits.calls_queued)
        self._current: WorkerLease | None = None
        self._leases: set[WorkerLease] = set()
        self._acquiring: asyncio.Task[WorkerLease] | None = None

    async def call(
        self, method: str, params: msgspec.Raw, caller: Caller, on_event: EventSink | None, asker: Asker | None
    ) -> msgspec.Raw:
        seconds = caller.seconds or self._worker.limits.call_seconds
        seconds -= await self._gate.enter(seconds)
        try:
            for _ in range(ATTEMPTS):
                lease = self._current or await self._acquire()
                try:
                    return await lease.call(method, params, caller, seconds, on_event, asker)
                except ConnectionError:
                    self.dropped(lease)  # it went away before anything was sent
            raise WorkerDied(f"The worker ended {ATTEMPTS} times before it could be called.")
        finally:
            self._gate.leave()
            self._tidy()

    def runner_lost(self) -> None:
        """The runner is gone, and its workers with it."""
        gone = WorkerDied("The sandbox runner went away, and the worker with it.", reason="killed")
        for lease in list(self._leases):
            lease.gone(gone)

    def close(self) -> None:
        """Give every worker back; calls that run are cut off."""
        if self._acquiring is not None:
            self._acquiring.cancel()
        for lease in list(self._leases):
            lease.cut(RunnerUnavailable("This gateway is shutting down."))

    def dropped(self, lease: WorkerLease) -> None:
        """New calls go to another worker."""
        if self._current is lease:
            self._current = None

    def ended(self, lease: WorkerLease) -> None:
        self.dropped(lease)
        self._leases.discard(lease)
        self._tidy()

    async def _acquire(self) -> WorkerLease:
        """However many calls ask, the runner is asked once."""
        if self._acquiring is None:
            self._acquiring = asyncio.create_task(self._acquired())
            self._acquiring.add_done_callback(_observed)
        acquiring = self._acquiring
        try:
            return await asyncio.shield(acquiring)
        except SandboxError as error:
            raise copied(error) from None
        except asyncio.CancelledError:
            if acquiring.cancelled():
                raise RunnerUnavailable("This gateway is shutting down.") from None
            raise

    async def _acquired(self) -> WorkerLease:
        try:
            async with asyncio.timeout(START_SECONDS + self._worker.limits.load_seconds):
                for lost in [lease for lease in self._leases if lease.lost]:
                    await lost.over.wait()  # or the runner might hand out the same worker once more
                lease = await self._leased()
                if lease.fresh:
                    self._current = lease
        except TimeoutError:
            raise RunnerUnavailable("The sandbox runner does not answer.", retry_after=5.0) from None
        finally:
            self._acquiring = None
        return lease

    async def _leased(self) -> WorkerLease:
        worker = self._worker
        lease = WorkerLease(self, self._line, worker.limits.idle_seconds)
        environment: dict[str, str] | None = None if self._secrets is not None else {}
        answer, sock = await self._line.ask_lease(lambda n: control.Acquire(n, worker, environment), lease)
        if isinstance(answer, control.SecretsNeeded) and self._secrets is not None:
            # Opened only now that a worker has to be started, and kept nowhere.
            environment = dict(await self._secrets.environment(worker.tenant_id, worker.server_id))
            answer, sock = await self._line.ask_lease(lambda n: control.Acquire(n, worker, environment), lease)
        if isinstance(answer, control.Refused):
            raise control.sandbox_error(answer.problem)
        if not isinstance(answer, control.Leased) or sock is None:
            raise RunnerUnavailable(f"The runner answered with {type(answer).__name__} instead of a worker.")
        self._leases.add(lease)
        await lease.open(answer.lease, sock)
        return lease

    def _tidy(self) -> None:
        if not self._leases and self._acquiring is None and self._gate.empty:
            self._on_empty()


class WorkerLease:
    """One leased worker: its connection, and what the runner is to know of its use."""

    def __init__(self, slot: WorkerSlot, line: RunnerLine, idle_seconds: float) -> None:
        self.lost = False
        """Its socket has ended and nobody has said why yet."""
        self.over = asyncio.Event()
        self._slot = slot
        self._line = line
        self._idle_seconds = idle_seconds
        self._loop = asyncio.get_running_loop()
        self._number = 0
        self._connection: WorkerConnection | None = None
        self._ending: SandboxError | None = None
        self._retired = False
        self._unreported = 0
        self._used = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def fresh(self) -> bool:
        """Whether new calls may go to it."""
        return not self._retired and not self.lost and self._ending is None

    async def open(self, number: int, sock: socket.socket) -> None:
        """Take over the socket to the worker."""
        self._number = number
        self._connection = await WorkerConnection.connect(sock, self._fault, self._lost)
        self._used = self._loop.time()
        if self._ending is not None:
            self.gone(self._ending)
        else:
            self._reschedule(_SETTLE_SECONDS if self._retired else self._idle_seconds, self._look)

    async def call(
        self,
        method: str,
        params: msgspec.Raw,
        caller: Caller,
        seconds: float,
        on_event: EventSink | None,
        asker: Asker | None,
    ) -> msgspec.Raw:
        """As `WorkerConnection.call`."""
        connection = self._connection
        if connection is None:
            raise ConnectionError("the worker has gone")
        self._unreported += 1
        if self._unreported >= _REPORT_CALLS:
            self._line.tell(control.Used(self._number, self._unreported))
            self._unreported = 0
        try:
            return await connection.call(method, params, caller, seconds=seconds, on_event=on_event, asker=asker)
        finally:
            self._used = self._loop.time()

    # What the runner says.

    def draining(self) -> None:
        """The worker is to be replaced: finish what runs, then let it go."""
        self._retired = True
        self._slot.dropped(self)
        if self._number:
            self._look()

    def gone(self, error: SandboxError) -> None:
        """The worker has ended; `error` is what its callers are to hear."""
        self._ending = error
        if self._connection is not None:
            self._connection.fail(error)
        self._close()

    # What the connection says.

    def _fault(self, error: SandboxError) -> None:
        crash = isinstance(error, WorkerMisbehaved)
        self._line.tell(control.Kill(self._number, control.problem(error), crash))
        self._slot.dropped(self)

    def _lost(self) -> None:
        """The socket ended. The runner knows why, or will in a moment."""
        self.lost = True
        self._slot.dropped(self)
        self._reschedule(OBITUARY_SECONDS, self._no_obituary)

    def _no_obituary(self) -> None:
        self._line.tell(control.Release(self._number, self._unreported, 0.0))
        self.gone(WorkerDied("The worker closed its connection."))

    # When to let go.

    def _look(self) -> None:
        """Release the worker once it has been idle for long enough, or idle at all when it is to be replaced."""
        if self._connection is None or self.lost:
            return
        idle = self._loop.time() - self._used
        if self._connection.busy:
            self._reschedule(_SETTLE_SECONDS if self._retired else self._idle_seconds, self._look)
        elif self._retired or idle >= self._idle_seconds:
            self.cut(WorkerDied("The worker was given back.", reason="killed"))
        else:
            self._reschedule(self._idle_seconds - idle, self._look)

    def cut(self, error: SandboxError) -> None:
        """Give the worker back now."""
        self._line.tell(control.Release(self._number, self._unreported, self._loop.time() - self._used))
        self.gone(error)

    def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.lost = False
        self.over.set()
        self._slot.ended(self)

    def _reschedule(self, seconds: float, action: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, action)


def _observed(task: asyncio.Task[WorkerLease]) -> None:
    """A failure that no caller waits for any more is no unhandled error."""
    if not task.cancelled():
        task.exception()
