"""One connected client of the runner: what it asks for, what it leases, and what is left when it goes."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec

from mcp_runtime.ports.builds import BuildFailed, BuildRequest, BuildResult, LineSink
from mcp_runtime.ports.sandboxes import LoadFailed, RunnerUnavailable, SandboxError
from mcp_runtime.sandbox import control
from mcp_runtime.sandbox.guest.frames import MAX_FRAME
from mcp_runtime.sandbox.guest.link import FrameError, Link
from mcp_runtime.sandbox.pool import Pool
from mcp_runtime.sandbox.slots import SecretsWanted, Slot
from mcp_runtime.sandbox.workers import LiveWorker

_log = logging.getLogger(__name__)
_lease_numbers = itertools.count(1)

Build = Callable[[BuildRequest, LineSink], Awaitable[BuildResult]]
Report = Callable[[], dict[str, Any]]


class Desk:
    """Serves one client until it hangs up. `on_gone` is called then, once."""

    def __init__(
        self, sock: socket.socket, pool: Pool, build: Build, report: Report, on_gone: Callable[[Desk], None]
    ) -> None:
        self._pool = pool
        self._build = build
        self._report = report
        self._on_gone = on_gone
        self._leases: dict[int, GatewayLease] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._link = Link(sock, on_frame=self._receive, on_closed=self._closed)

    def tell(self, message: control.ToGateway, descriptor: int | None = None) -> None:
        self._link.send(control.encode(message), descriptor)

    def forget(self, lease: int) -> None:
        self._leases.pop(lease, None)

    def close(self) -> None:
        """Hang up: its leases end, its workers stay."""
        self._link.close()
        self._free()

    def _closed(self, error: Exception | None) -> None:
        if error is not None:
            _log.warning("A client of the runner was disconnected: %s", error)
        self._free()
        self._on_gone(self)

    def _free(self) -> None:
        for task in list(self._tasks.values()):
            task.cancel()
        for lease in list(self._leases.values()):
            lease.end()

    def _receive(self, body: memoryview) -> None:
        try:
            message = control.decode_for_runner(body)
        except FrameError as error:
            self._link.close()
            self._closed(error)
            return
        match message:
            case control.Acquire():
                self._begin(message.request, self._acquire(message))
            case control.Release() | control.Used() | control.Kill():
                if lease := self._leases.get(message.lease):
                    lease.told(message)
            case control.Describe():
                self._begin(message.request, self._describe(message))
            case control.Build():
                self._begin(message.request, self._run_build(message))
            case control.Abandon():
                if task := self._tasks.get(message.request):
                    task.cancel()
            case control.Retire():
                self._pool.retire(message.server_id, keep=message.keep)
                self.tell(control.Done(message.request))
            case control.AskStatus():
                self.tell(control.Status(message.request, self._report()))

    def _begin(self, request: int, answering: Coroutine[Any, Any, None]) -> None:
        async def answer() -> None:
            try:
                await answering
            except (SandboxError, BuildFailed) as error:
                self.tell(control.Refused(request, control.problem(error)))
            except Exception:  # noqa: BLE001  # one client's odd request must not end the others'
                _log.exception("A request to the runner failed")
                refusal = RunnerUnavailable("The sandbox runner failed; its log says why.")
                self.tell(control.Refused(request, control.problem(refusal)))

        task = self._tasks[request] = asyncio.create_task(answer())
        task.add_done_callback(lambda _: self._tasks.pop(request, None))

    async def _acquire(self, message: control.Acquire) -> None:
        try:
            slot, live = await self._pool.worker(message.worker, message.environment)
        except SecretsWanted:
            self.tell(control.SecretsNeeded(message.request))
            return
        lease = GatewayLease(self, slot, live)
        self._leases[lease.number] = lease
        self.tell(control.Leased(message.request, lease.number), live.attach().detach())

    async def _describe(self, message: control.Describe) -> None:
        manifest = await self._pool.describe(message.worker, message.environment)
        self.tell(control.Described(message.request, msgspec.Raw(manifest)))

    async def _run_build(self, message: control.Build) -> None:
        def line(text: str) -> None:
            self.tell(control.BuildLine(message.request, text))

        result = await self._build(message.build, line)
        try:
            self.tell(control.Built(message.request, result))
        except ValueError:
            raise LoadFailed(f"The lock is larger than {MAX_FRAME} bytes.") from None


class GatewayLease:
    """A client's use of one worker."""

    def __init__(self, desk: Desk, slot: Slot, live: LiveWorker) -> None:
        self.number = next(_lease_numbers)
        self._desk = desk
        self._slot = slot
        self._live = live
        slot.lease(live, self)

    def told(self, message: control.Release | control.Used | control.Kill) -> None:
        match message:
            case control.Release():
                self._live.calls += message.calls
                self._slot.release(self._live, self, idle_seconds=message.idle_seconds)
                self._desk.forget(self.number)
            case control.Used():
                self._live.calls += message.calls
            case control.Kill():
                _log.warning("Worker %s is killed: %s", self._live.name, message.error.message)
                self._slot.kill(self._live, control.sandbox_error(message.error), crash=message.crash)

    def end(self) -> None:
        """The client has gone without a word."""
        self._slot.release(self._live, self)
        self._desk.forget(self.number)

    def draining(self) -> None:
        self._desk.tell(control.Draining(self.number))

    def gone(self, error: SandboxError) -> None:
        self._desk.forget(self.number)
        self._desk.tell(control.Gone(self.number, control.problem(error)))
