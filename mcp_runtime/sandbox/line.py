"""The control line from a client to the runner: requests and answers, leases, and coming back after a restart."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from mcp_runtime.ports.builds import LineSink
from mcp_runtime.ports.sandboxes import RunnerUnavailable, SandboxError
from mcp_runtime.sandbox import control
from mcp_runtime.sandbox.guest.link import FrameError, Link

RETRY_SECONDS = (0.05, 0.1, 0.2, 0.5)
"""Waits between attempts to connect; the last one repeats."""

_log = logging.getLogger(__name__)


class Leaseholder(Protocol):
    """Who uses a worker, and hears of it."""

    def draining(self) -> None: ...

    def gone(self, error: SandboxError) -> None: ...


class _Request:
    __slots__ = ("answer", "descriptor", "holder", "on_line")

    def __init__(
        self, answer: asyncio.Future[control.ToGateway], on_line: LineSink | None, holder: Leaseholder | None
    ) -> None:
        self.answer = answer
        self.on_line = on_line
        self.holder = holder
        self.descriptor: int | None = None


class RunnerLine:
    """Connected whenever a runner is there. `on_lost` is called each time the connection is lost."""

    def __init__(self, path: Path, *, on_lost: Callable[[], None]) -> None:
        self._path = path
        self._on_lost = on_lost
        self._link: Link | None = None
        self._connected = asyncio.Event()
        self._requests: dict[int, _Request] = {}
        self._next = 0
        self._holders: dict[int, Leaseholder] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()

    async def start(self) -> None:
        """Try to connect once, and go on trying in the background. Idempotent."""
        if self._keeper is None:
            self._connect()
            self._keeper = asyncio.create_task(self._keep())

    async def aclose(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None
        if self._link is not None:
            self._link.close()
            self._disconnected(None)

    async def ready(self, seconds: float) -> None:
        """Return when connected. Raises RunnerUnavailable after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._connected.wait()
        except TimeoutError:
            raise self._unavailable() from None

    async def ask(
        self, message: Callable[[int], control.ToRunner], *, on_line: LineSink | None = None
    ) -> control.ToGateway:
        """The answer to `message(request number)`. Cancelling it tells the runner. Raises RunnerUnavailable."""
        return (await self._ask(_Request(_future(), on_line, None), message)).answer.result()

    async def ask_lease(
        self, message: Callable[[int], control.ToRunner], holder: Leaseholder
    ) -> tuple[control.ToGateway, socket.socket | None]:
        """As `ask`; a Leased answer comes with the socket to the worker, and `holder` hears what becomes of it."""
        request = await self._ask(_Request(_future(), None, holder), message)
        if request.descriptor is None:
            return request.answer.result(), None
        return request.answer.result(), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, request.descriptor)

    def tell(self, message: control.Release | control.Used | control.Kill) -> None:
        """Say something about a lease. Said to nobody while there is no runner: it has forgotten its leases."""
        if isinstance(message, control.Release):
            self._holders.pop(message.lease, None)
        if self._link is not None:
            self._link.send(control.encode(message))

    async def _ask(self, request: _Request, message: Callable[[int], control.ToRunner]) -> _Request:
        if self._link is None:
            raise self._unavailable()
        number = self._next = self._next + 1
        self._requests[number] = request
        try:
            self._link.send(control.encode(message(number)))
            await request.answer
        except asyncio.CancelledError:
            if self._requests.pop(number, None) is None:
                self._return(request)
            elif self._link is not None:
                self._link.send(control.encode(control.Abandon(number)))
            raise
        finally:
            self._requests.pop(number, None)
        return request

    def _return(self, request: _Request) -> None:
        """Give back what was answered to somebody who has gone."""
        if request.descriptor is not None:
            os.close(request.descriptor)
        if request.answer.cancelled() or request.answer.exception() is not None:
            return
        answer = request.answer.result()
        if isinstance(answer, control.Leased):
            self.tell(control.Release(answer.lease, 0, 0.0))

    async def _keep(self) -> None:
        attempts = 0
        while True:
            if self._link is None and not self._connect():
                await asyncio.sleep(RETRY_SECONDS[min(attempts, len(RETRY_SECONDS) - 1)])
                attempts += 1
                continue
            attempts = 0
            self._lost.clear()
            await self._lost.wait()

    def _connect(self) -> bool:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Non-blocking: a runner whose backlog is full is tried again, not waited for.
            connection.setblocking(False)
            connection.connect(str(self._path))
            control.check_peer(connection)
        except OSError as error:
            connection.close()
            _log.debug("No runner at %s: %s", self._path, error)
            return False
        self._link = Link(connection, on_frame=self._receive, on_closed=self._disconnected, descriptors=True)
        self._connected.set()
        return True

    def _disconnected(self, error: Exception | None) -> None:
        self._link = None
        self._connected.clear()
        self._lost.set()
        self._holders.clear()
        for request in self._requests.values():
            if not request.answer.done():
                gone = RunnerUnavailable("The sandbox runner went away; try again.", retry_after=1.0)
                request.answer.set_exception(gone)
        self._on_lost()

    def _receive(self, body: memoryview) -> None:
        try:
            message = control.decode_for_gateway(body)
        except FrameError as error:
            _log.error("The runner does not speak this version's language: %s", error)
            return
        match message:
            case control.Draining(lease=lease):
                if holder := self._holders.get(lease):
                    holder.draining()
            case control.Gone(lease=lease, problem=problem):
                if holder := self._holders.pop(lease, None):
                    holder.gone(control.sandbox_error(problem))
            case control.BuildLine(request=number, line=line):
                if (request := self._requests.get(number)) and request.on_line is not None:
                    request.on_line(line)
            case _:
                self._answered(message)

    def _answered(self, message: control.ToGateway) -> None:
        number: int = getattr(message, "request", 0)
        request = self._requests.pop(number, None)
        if request is None or request.answer.done():
            abandoned, request = True, _Request(_future(), None, None)
        else:
            abandoned = False
        if isinstance(message, control.Leased) and self._link is not None:
            request.descriptor = self._link.take_descriptor()
            if request.holder is not None:
                self._holders[message.lease] = request.holder
        request.answer.set_result(message)
        if abandoned:
            self._return(request)

    def _unavailable(self) -> RunnerUnavailable:
        return RunnerUnavailable(
            f"No sandbox runner answers at {self._path}. Start it (`stoa up` does); its log says why it stopped.",
            retry_after=1.0,
        )


def _future() -> asyncio.Future[control.ToGateway]:
    return asyncio.get_running_loop().create_future()
