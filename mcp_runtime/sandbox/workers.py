"""One living worker, from an empty box to its end: starting, blank, claimed, ready, draining, dead (SANDBOX 0.1)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from mcp_runtime.ports.sandboxes import LoadFailed, RunnerUnavailable, SandboxError, WorkerDied, WorkerMisbehaved
from mcp_runtime.ports.workers import Worker
from mcp_runtime.sandbox.egress import EgressProxy
from mcp_runtime.sandbox.guest import frames
from mcp_runtime.sandbox.guest.frames import Frame, Kind
from mcp_runtime.sandbox.guest.link import FrameError, Link
from mcp_runtime.sandbox.launchers.base import ExitReason, Handle, Launcher, LaunchError, SandboxSpec
from mcp_runtime.sandbox.node import MODULES_INSIDE, PROGRAM_INSIDE, Node
from mcp_runtime.sandbox.output import OutputCollector
from mcp_runtime.sandbox.store import Store

START_SECONDS = 10.0
STOP_SECONDS = 1.0
"""Between BYE and SIGKILL."""
MAX_MANIFEST = 4 * 1024 * 1024
_DETAIL_CHARACTERS = 8 * 1024

_log = logging.getLogger(__name__)


class State(StrEnum):
    STARTING = "starting"
    BLANK = "blank"
    CLAIMED = "claimed"
    READY = "ready"
    DRAINING = "draining"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Ground:
    """What every worker of this host stands on."""

    launcher: Launcher
    runtime_dir: Path
    store: Store
    egress: EgressProxy
    node: Node | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker ended. `crash` counts against its revision."""

    error: SandboxError
    crash: bool


class _LoadPayload(msgspec.Struct):
    """Payload of an ERROR frame about loading."""

    message: str
    data: _LoadData


class _LoadData(msgspec.Struct):
    detail: str = ""
    line: int | None = None
    hint: str = ""


class LiveWorker:
    """A worker and the runner's own line to it. Gateways get lines of their own by `attach`."""

    def __init__(self, worker: Worker, ground: Ground, on_end: Callable[[LiveWorker, Ending], None]) -> None:
        self.worker = worker
        self.state = State.STARTING
        self.manifest = b""
        self.calls = 0
        self.pid: int | None = None
        self.born = asyncio.get_running_loop().time()
        self._ground = ground
        self._on_end = on_end
        self._handle: Handle | None = None
        self._link: Link | None = None
        self._output: OutputCollector | None = None
        self._expected: tuple[Kind, ...] = ()
        self._arrival: asyncio.Future[Frame] | None = None
        self._ending: Ending | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._killer: asyncio.Task[None] | None = None
        self._cut = asyncio.Event()
        self._gone = asyncio.Event()

    @property
    def name(self) -> str:
        return f"{self.worker.tenant_id}/{self.worker.server_id}/{self.worker.revision_id}"

    @property
    def ending(self) -> bool:
        """Whether its end is decided, though it may live for a moment yet."""
        return self._ending is not None

    @property
    def age(self) -> float:
        return asyncio.get_running_loop().time() - self.born

    async def start(self, environment: Mapping[str, str], *, describe: bool = False) -> None:
        """From nothing to READY, with the manifest when it is to `describe` itself.

        Raises LoadFailed for what is the tenant's fault, RunnerUnavailable for ours, and leaves no box behind;
        `on_end` is not called for a worker that never was ready.
        """
        try:
            await self._launch()
            await self._load(environment, describe)
            if self.state is State.DEAD:
                raise self._died_early(blank=False)
            self.state = State.READY
        except BaseException as error:
            self._ending = Ending(error if isinstance(error, SandboxError) else _stopped(), crash=False)
            await self._clear_away()
            raise

    def attach(self) -> socket.socket:
        """A new line to the worker: the gateway's end of it."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        assert self._link is not None
        self._link.send(frames.encode(Kind.ATTACH), theirs.detach())
        return ours

    def rss_bytes(self) -> int:
        return self._handle.stats().rss_bytes if self._handle is not None and self.state is not State.DEAD else 0

    async def stop(self) -> None:
        """Ask it to end, then end it. For workers that nobody uses; they end without a crash."""
        if self._ending is None:
            self._ending = Ending(_stopped(), crash=False)
            if self._link is not None:
                self._link.send(frames.encode(Kind.BYE))
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._gone.wait()
            except TimeoutError:
                self._kill()
        await self._gone.wait()

    def kill(self, error: SandboxError, *, crash: bool) -> None:
        """End it now; whoever uses it hears `error`. The first reason stands."""
        if self._ending is None:
            self._ending = Ending(error, crash)
        self._kill()

    async def gone(self) -> None:
        """Return when nothing is left of it."""
        await self._gone.wait()

    async def _launch(self) -> None:
        """Build the box and wait for its HELLO."""
        worker, ground = self.worker, self._ground
        reader, writer = os.pipe2(os.O_CLOEXEC)
        self._output = OutputCollector(reader, self.name)
        try:
            async with asyncio.timeout(START_SECONDS):
                egress = await ground.egress.open(self._egress_name, worker.hosts) if worker.hosts else None
                self._handle = await ground.launcher.spawn(self._spec(egress, writer))
                self.pid = self._handle.pid
                self._watcher = asyncio.create_task(self._watch(self._handle))
                assert self._handle.rpc is not None
                self._link = Link(self._handle.rpc, on_frame=self._receive, on_closed=self._closed)
                await self._expect(Kind.HELLO)
        except TimeoutError:
            raise RunnerUnavailable(f"A sandbox could not be started within {START_SECONDS:g} s.") from None
        except (LaunchError, OSError, ValueError) as error:
            raise RunnerUnavailable(f"A sandbox could not be started: {error}") from error
        finally:
            os.close(writer)
        self.state = State.BLANK

    def _spec(self, egress: Path | None, output: int) -> SandboxSpec:
        worker, store = self.worker, self._ground.store
        return SandboxSpec(
            runtime_dir=self._ground.runtime_dir,
            limits=worker.limits,
            code_dir=store.path("code", worker.code),
            dependencies_dir=store.path("dependencies", worker.dependencies) if worker.dependencies else None,
            egress_socket=egress,
            subprocess=bool(worker.command),
            read_only=self._for_commands() if worker.command else (),
            stdout_fd=output,
            stderr_fd=output,
        )

    def _for_commands(self) -> tuple[tuple[Path, str], ...]:
        """Node, and its packages where its programs look for them."""
        node, store, digest = self._ground.node, self._ground.store, self.worker.dependencies
        found = [] if node is None else [(node.program, PROGRAM_INSIDE)]
        modules = store.path("dependencies", digest) / "node_modules" if digest else None
        return (*found, (modules, MODULES_INSIDE)) if modules is not None and modules.is_dir() else tuple(found)

    @property
    def _node_inside(self) -> str | None:
        node = self._ground.node
        if node is None:
            return None
        return str(node.program) if self._ground.launcher.level == "none" else PROGRAM_INSIDE

    async def _load(self, environment: Mapping[str, str], describe: bool) -> None:
        """Hand over the secrets, now that the box is closed, and wait until the tenant's code is loaded."""
        worker = self.worker
        assert self._link is not None
        claim = {
            "entrypoint": worker.entrypoint,
            "command": worker.command,
            "node": self._node_inside,
            "env": dict(environment),
            "limits": worker.limits,
            "egress": bool(worker.hosts),
            "describe": describe,
        }
        self._link.send(frames.encode(Kind.CLAIM, 0, "", claim))
        self.state = State.CLAIMED
        try:
            async with asyncio.timeout(worker.limits.load_seconds):
                frame = await self._expect(Kind.READY, Kind.ERROR)
        except TimeoutError:
            raise LoadFailed(
                f"The server did not finish loading within {worker.limits.load_seconds:g} s.",
                detail="\n".join(self._output.tail)[-_DETAIL_CHARACTERS:] if self._output else "",
                hint="Keep slow work out of the module's top level and out of the lifespan; do not call run() there.",
            ) from None
        if frame.kind == Kind.ERROR:
            raise _load_failed(frame, "\n".join(self._output.tail) if self._output else "")
        if (size := len(frame.payload)) > MAX_MANIFEST:
            raise LoadFailed(f"The server describes itself with {size} bytes; {MAX_MANIFEST} are allowed.")
        self.manifest = bytes(frame.payload)

    async def _expect(self, *kinds: Kind) -> Frame:
        """The next frame, which must be one of `kinds`. Raises LoadFailed when the worker ends instead."""
        self._expected = kinds
        self._arrival = asyncio.get_running_loop().create_future()
        ended = asyncio.create_task(self._gone.wait())
        try:
            await asyncio.wait((self._arrival, ended), return_when=asyncio.FIRST_COMPLETED)
            if self._arrival.done():
                return self._arrival.result()
            raise self._died_early(blank=Kind.HELLO in kinds)
        finally:
            ended.cancel()
            self._expected = ()
            self._arrival = None

    def _died_early(self, *, blank: bool) -> SandboxError:
        reason = self._ending.error.message if self._ending else "It ended."
        if blank:
            return RunnerUnavailable(f"A sandbox ended before anything was loaded into it. {reason}")
        return LoadFailed(
            f"The server's code ended the worker while it was loaded. {reason}",
            detail="\n".join(self._output.tail)[-_DETAIL_CHARACTERS:] if self._output else "",
            hint="Look for exit(), native code that crashes, or too much memory at import.",
        )

    def _receive(self, body: memoryview) -> None:
        try:
            frame = frames.decode(body)
            if frame.kind not in self._expected or self._arrival is None or self._arrival.done():
                raise FrameError(f"a frame of kind {frame.kind} came unasked")
        except (FrameError, msgspec.MsgspecError, RecursionError) as error:
            self._misbehaved(error)
            return
        self._arrival.set_result(frame)

    def _closed(self, error: Exception | None) -> None:
        """The line is cut: it ended by itself, or it wants to be out of reach."""
        self._cut.set()
        if isinstance(error, FrameError):
            self._misbehaved(error)
        elif self._ending is None:
            asyncio.get_running_loop().call_later(STOP_SECONDS, self._kill)

    def _misbehaved(self, error: Exception) -> None:
        message = f"The worker broke the frame protocol and was stopped: {str(error)[:500]}."
        self.kill(WorkerMisbehaved(message), crash=True)

    def _kill(self) -> None:
        if self._handle is not None and self._killer is None:
            self._killer = asyncio.create_task(self._handle.kill())

    async def _watch(self, handle: Handle) -> None:
        reason = await handle.wait()
        if self.state is State.CLAIMED and self._link is not None:
            # Its last words, why it does not load, may still be in the socket.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._cut.wait()
        ready = self.state in (State.READY, State.DRAINING)
        if self._ending is None:
            self._ending = Ending(_died(reason, self.worker), crash=True)
        await self._clear_away(killed=True)
        _log.info("Worker %s (pid %s) ended: %s %s", self.name, self.pid, reason.cause, reason.code)
        if ready:
            self._on_end(self, self._ending)

    async def _clear_away(self, *, killed: bool = False) -> None:
        """Leave nothing: no process, socket, pipe or way out."""
        self.state = State.DEAD
        if self._handle is not None and not killed:
            await self._handle.kill()
        if self._link is not None:
            self._link.close()
        if self._output is not None:
            self._output.close()
        if self.worker.hosts:
            await self._ground.egress.close(self._egress_name)
        self._gone.set()

    @property
    def _egress_name(self) -> str:
        return f"{self.worker.revision_id}-{id(self):x}"


def _load_failed(frame: Frame, said: str) -> LoadFailed:
    """`said` is what the code wrote, for an error that shows nothing of its own."""
    try:
        payload = _load_decoder.decode(frame.payload)
    except (msgspec.MsgspecError, RecursionError):
        return LoadFailed("The server does not load, and does not say why.")
    data = payload.data
    return LoadFailed(
        payload.message[:1000],
        detail=(data.detail or said)[-_DETAIL_CHARACTERS:],
        line=data.line,
        hint=data.hint[:500],
    )


def _died(reason: ExitReason, worker: Worker) -> WorkerDied:
    match reason.cause:
        case "exit":
            message = f"The worker ended itself (exit status {reason.code})."
        case "oom":
            message = f"The worker used more than its {worker.limits.memory_mb} MB of memory and was stopped."
        case "seccomp":
            message = "The worker made a system call that the sandbox forbids and was stopped."
        case "timeout":
            message = "The worker used up its time and was stopped."
        case _:
            message = f"The worker was ended by {_signal_name(reason.code)}."
    return WorkerDied(message, reason=reason.cause)


def _stopped() -> WorkerDied:
    return WorkerDied("The worker was stopped by the platform; call again.", reason="killed")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


_load_decoder = msgspec.json.Decoder(_LoadPayload)
