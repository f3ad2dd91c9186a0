"""Keep processes running: start in order, restart what dies, stop in reverse.

Every process has a session of its own and is in the ledger while it lives, so that none outlives this one
(controlplane.local.processes).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from controlplane.local.backoff import Backoff
from controlplane.local.console import Console, pump
from controlplane.local.processes import Ledger, send, unblocked_signals

POLL_SECONDS = 0.02
DEATHS = 3
"""A process that ended this often while everything was starting will not come up."""
LAST_WORDS_SECONDS = 1.0
"""How long to read on from a process that has ended: a grandchild may hold its output open for ever."""


class StartFailed(Exception):
    """Something did not come up; the text says what."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how it is asked to end."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 3.0
    """Seconds it gets to end before it is killed."""
    ready: Callable[[], bool] | None = None
    start_seconds: float = 60.0
    pass_fds: tuple[int, ...] = ()
    hush: tuple[str, ...] = ()
    """Lines with these phrases say nothing to the reader."""


@dataclass(frozen=True, slots=True)
class _Process:
    child: asyncio.subprocess.Process
    lines: asyncio.StreamReader

    @property
    def pid(self) -> int:
        return self.child.pid


@dataclass(slots=True)
class _Running:
    program: Program
    task: asyncio.Task[None] | None = None
    process: _Process | None = None
    stopping: bool = False
    deaths: int = 0
    backoff: Backoff = field(default_factory=Backoff)


class Supervisor:
    """Owns the processes it starts. Use inside one event loop; call `stop()` in any case."""

    def __init__(self, ledger: Ledger, console: Console) -> None:
        self._ledger = ledger
        self._console = console
        self._running: dict[str, _Running] = {}

    async def start(self, program: Program) -> None:
        """Start it, and keep it running from then on. Returns when it is ready; raises StartFailed."""
        running = _Running(program)
        running.task = asyncio.create_task(self._keep(running), name=program.name)
        self._running[program.name] = running
        if program.ready is None:
            return
        deadline = time.monotonic() + program.start_seconds
        while not (running.process and program.ready()):
            self.check()
            if time.monotonic() > deadline:
                raise StartFailed(f"{program.name} was not ready after {program.start_seconds:.0f} s.")
            await asyncio.sleep(POLL_SECONDS)

    async def run_once(self, program: Program) -> None:
        """Run something to its end. Raises StartFailed when it fails."""
        async with self._spawned(program) as process:
            status = await self._watch(program, process)
        if status:
            raise StartFailed(f"{program.name} failed with status {status}; its lines are above.")

    async def output_of(self, program: Program) -> bytes:
        """Run something to its end and return what it wrote to standard output."""
        reader, answer = await _pipe()
        async with self._spawned(program, stdout=answer) as process:
            output, status = await asyncio.gather(reader.read(), self._watch(program, process))
        if status:
            raise StartFailed(f"{program.name} failed with status {status}; its lines are above.")
        return output

    async def stop(self) -> None:
        """Stop everything, in the reverse of the order in which it was started. Takes at most the sum of patience."""
        while self._running:
            _, running = self._running.popitem()
            await self._stop(running)

    async def stop_together(self, *names: str) -> None:
        """Stop these at the same time: none of them needs another to end well."""
        found = [self._running.pop(name) for name in names if name in self._running]
        await asyncio.gather(*(self._stop(running) for running in found))

    def kill(self) -> None:
        """End everything now, without asking."""
        for running in self._running.values():
            running.stopping = True
            if running.process:
                send(running.process.pid, signal.SIGKILL)

    def check(self) -> None:
        """Raise StartFailed when something ends again and again instead of coming up."""
        for name, running in self._running.items():
            if running.deaths >= DEATHS:
                raise StartFailed(f"{name} ended {running.deaths} times while starting; its lines are above.")

    def pid(self, name: str) -> int | None:
        running = self._running.get(name)
        return running.process.pid if running and running.process else None

    async def _stop(self, running: _Running) -> None:
        running.stopping = True
        if running.process:
            await self._end(running.program, running.process.child)
        if running.task:
            running.task.cancel()
            await asyncio.gather(running.task, return_exceptions=True)

    async def _keep(self, running: _Running) -> None:
        program = running.program
        while True:
            born = time.monotonic()
            try:
                async with self._spawned(program) as running.process:
                    end = _explain(await self._watch(program, running.process))
            except OSError as error:  # its program is gone, or the machine is out of processes
                end = str(error)
            running.process = None
            if running.stopping:
                return
            running.deaths += 1
            delay = running.backoff.after(time.monotonic() - born)
            self._console.line(program.name, f"ended ({end}); starting it again in {delay:g} s")
            await asyncio.sleep(delay)

    @contextlib.asynccontextmanager
    async def _spawned(self, program: Program, *, stdout: IO[bytes] | None = None) -> AsyncIterator[_Process]:
        """Its lines go to the console; with `stdout`, only those that it writes to standard error."""
        lines, output = await _pipe()
        with output, stdout or contextlib.nullcontext(), unblocked_signals():
            child = await asyncio.create_subprocess_exec(
                *program.command,
                env=dict(program.environment),
                cwd=program.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stdout or output,
                stderr=output,
                start_new_session=True,
                pass_fds=program.pass_fds,
            )
        self._ledger.add(program.name, child.pid, program.stop_signal)
        try:
            yield _Process(child, lines)
        finally:
            await self._end(program, child)

    async def _watch(self, program: Program, process: _Process) -> int:
        """Copy its lines until it ends; then end what it left behind."""
        copying = asyncio.create_task(pump(process.lines, self._console, program.name, hush=program.hush))
        try:
            status = await process.child.wait()
            send(process.pid, signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(copying), LAST_WORDS_SECONDS)
        finally:
            copying.cancel()
        return status

    async def _end(self, program: Program, child: asyncio.subprocess.Process) -> None:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(program.stop_signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(child.wait(), program.patience)
        send(child.pid, signal.SIGKILL)
        await child.wait()
        self._ledger.remove(child.pid)


async def _pipe() -> tuple[asyncio.StreamReader, IO[bytes]]:
    """A pipe to read from here and to give to a child.

    Not asyncio's own: with those, waiting for a process also waits for every grandchild that holds its output open.
    """
    reading, writing = os.pipe()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(reading, "rb", buffering=0))
    return reader, os.fdopen(writing, "wb", buffering=0)


def _explain(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(-status).name}"
    return f"killed by signal {-status}"
