"""The host's end of a zygote: starts the process, sends it orders, hears what becomes of the children."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from mcp_runtime.sandbox.guest.box import Order, Report, Zygote
from mcp_runtime.sandbox.launchers.base import LaunchError
from mcp_runtime.sandbox.launchers.interpreter import Interpreter

_START_SECONDS: Final = 60.0
_MAX_REPORT: Final = 16 * 1024
_SCRIPT: Final = "mcp_runtime/sandbox/guest/zygote.py"


@dataclass(slots=True)
class Child:
    """A forked process. `exited` is its wait status; SIGKILL's when its zygote was lost with it."""

    pid: int
    pidfd: int
    exited: asyncio.Future[int]


class Forker:
    """One zygote. Belongs to the event loop that starts it."""

    def __init__(self, interpreter: Interpreter, runtime: Path, options: Zygote) -> None:
        self._interpreter = interpreter
        self._runtime = runtime
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ready: asyncio.Future[None] | None = None
        self._begun: dict[int, asyncio.Future[tuple[int, int]]] = {}
        self._living: dict[int, asyncio.Future[int]] = {}
        self._burial: asyncio.Future[None] | None = None
        self._retired = False
        self.forks = 0
        self.born = 0.0

    @property
    def alive(self) -> bool:
        return self._control is not None

    @property
    def children(self) -> int:
        return len(self._living)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Returns when the zygote takes orders. Raises LaunchError."""
        loop = asyncio.get_running_loop()
        ours = self._begin()
        ours.setblocking(False)
        self._control = ours
        self._ready = loop.create_future()
        self.born = time.monotonic()
        loop.add_reader(ours.fileno(), self._hear)
        try:
            await asyncio.wait_for(asyncio.shield(self._ready), _START_SECONDS)
        except TimeoutError:
            await self.aclose()
            raise LaunchError("zygote", f"It did not start within {_START_SECONDS:.0f} s.") from None

    async def fork(self, order: Order, fds: Sequence[int]) -> Child:
        """`fds` go with the order, named by it; they stay open here. Raises LaunchError."""
        if self._control is None:
            raise LaunchError("zygote", "It has ended; the next start brings a new one.")
        loop = asyncio.get_running_loop()
        self.forks += 1
        order = msgspec.structs.replace(order, id=self.forks)
        begun: asyncio.Future[tuple[int, int]] = loop.create_future()
        exited: asyncio.Future[int] = loop.create_future()
        self._begun[order.id] = begun
        self._living[order.id] = exited
        try:
            await self._send(msgspec.json.encode(order), fds)
            pid, pidfd = await begun
        except BaseException:
            self._begun.pop(order.id, None)
            if begun.done() and not begun.cancelled() and begun.exception() is None:
                signal.pidfd_send_signal(begun.result()[1], signal.SIGKILL)
                os.close(begun.result()[1])
            raise
        return Child(pid, pidfd, exited)

    def retire(self) -> None:
        """Take no more orders, and end when the last child has."""
        self._retired = True
        self._end_if_done()

    async def aclose(self) -> None:
        """End the zygote, and with it every child."""
        self._lose()
        if self._burial is not None:
            await self._burial

    def _begin(self) -> socket.socket:
        """Start the process; our end of its control socket. Quick: the program is started without a copy of ours."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            options = msgspec.structs.replace(self._options, control=theirs.fileno())
            argument = msgspec.json.encode(options).decode()
            self._process = subprocess.Popen(
                self._interpreter.command(self._runtime / _SCRIPT, argument),
                env={}, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
            )  # fmt: skip
        return ours

    async def _send(self, message: bytes, fds: Sequence[int]) -> None:
        while (control := self._control) is not None:
            try:
                socket.send_fds(control, [message], list(fds))
                return
            except BlockingIOError:
                await _writable(control)
            except OSError as error:
                raise LaunchError("zygote", f"It does not take orders: {error}") from error
        raise LaunchError("zygote", "It ended while a box was being ordered.")

    def _hear(self) -> None:
        while self._control is not None:
            try:
                message, fds, _, _ = socket.recv_fds(self._control, _MAX_REPORT, 1, socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                return
            except OSError:
                message, fds = b"", []
            if not message:
                self._lose()
                return
            self._heard(msgspec.json.decode(message, type=Report), fds[0] if fds else None)

    def _heard(self, report: Report, pidfd: int | None) -> None:
        if report.id == 0:
            if self._ready is not None and not self._ready.done():
                self._ready.set_result(None)
        elif report.status is not None:
            exited = self._living.pop(report.id, None)
            if exited is not None and not exited.done():
                exited.set_result(report.status)
            self._end_if_done()
        elif pidfd is not None:
            begun = self._begun.pop(report.id, None)
            if begun is None or begun.done():
                # Nobody waits for it any more.
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                os.close(pidfd)
            else:
                begun.set_result((_pid(pidfd), pidfd))
        else:
            self._living.pop(report.id, None)
            begun = self._begun.pop(report.id, None)
            if begun is not None and not begun.done():
                begun.set_exception(LaunchError("zygote", report.error or "The zygote refused an order."))

    def _end_if_done(self) -> None:
        if self._retired and not self._living:
            self._lose()

    def _lose(self) -> None:
        """The control socket is closed: whoever waits hears of it."""
        if self._control is None:
            return
        asyncio.get_running_loop().remove_reader(self._control.fileno())
        self._control.close()
        self._control = None
        gone = LaunchError("zygote", "It ended unexpectedly; its last words are on the standard error stream.")
        for waiting in (self._ready, *self._begun.values()):
            if waiting is not None and not waiting.done():
                waiting.set_exception(gone)
                waiting.exception()  # Somebody may have stopped waiting; that is no news to report.
        for exited in self._living.values():
            if not exited.done():
                exited.set_result(signal.SIGKILL)
        self._begun.clear()
        self._living.clear()
        if self._process is not None:
            self._burial = asyncio.get_running_loop().run_in_executor(None, _bury, self._process)


def _bury(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _pid(pidfd: int) -> int:
    """The process's pid as this process sees it; -1 when it is gone already."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
            if line.startswith("Pid:"):
                return int(line.split()[1])
    return -1


def settle(future: asyncio.Future[None]) -> None:
    """What a loop is asked to do when a descriptor becomes ready, which it may say twice."""
    if not future.done():
        future.set_result(None)


async def _writable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    event: asyncio.Future[None] = loop.create_future()
    # A descriptor of its own: the loop has one reader and one writer for each number, and several may wait here.
    with sock.dup() as own:
        loop.add_writer(own.fileno(), settle, event)
        try:
            await event
        finally:
            loop.remove_writer(own.fileno())
