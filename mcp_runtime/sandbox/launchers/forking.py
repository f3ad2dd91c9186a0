"""What the launchers that fork boxes from a zygote have in common: zygotes per runtime and their rotation, uids,
control groups, the wait for HELLO, and tidying up. A launcher adds how its boxes are made."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import msgspec

from mcp_runtime.ports.workers import WorkerLimits
from mcp_runtime.sandbox.guest import frames
from mcp_runtime.sandbox.guest import landlock as guest_landlock
from mcp_runtime.sandbox.guest.box import Inside, Namespaces, Order, Program, Walls, Wrapper, Zygote
from mcp_runtime.sandbox.launchers import cgroups, selftest, uids
from mcp_runtime.sandbox.launchers.base import Guarantee, LaunchError, Level, SandboxSpec, SelfTest
from mcp_runtime.sandbox.launchers.forker import Child, Forker, settle
from mcp_runtime.sandbox.launchers.handle import BoxHandle
from mcp_runtime.sandbox.launchers.interpreter import Interpreter, running

HELLO_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.5
_MIB: Final = 1024 * 1024
_FIRST_FRAME: Final = 64 * 1024

FdName = Literal["rpc", "alive", "cgroup", "stdin", "stdout", "stderr"]


@dataclass(frozen=True, slots=True)
class Making:
    """How one box is to be made, as a launcher decides it."""

    walls: Walls
    namespaces: Namespaces | None = None
    wrapper: Wrapper | None = None
    app: str | None = None
    dependencies: str | None = None
    threads: int | None = None


@dataclass(slots=True)
class _Zygotes:
    """The zygote of one runtime that takes orders, and older ones that still have children."""

    current: Forker | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    retired: list[Forker] = field(default_factory=list)
    rotation: asyncio.Task[None] | None = None


class ForkingLauncher(ABC):
    """Implements `Launcher` but for what the subclass says."""

    name: ClassVar[str]
    level: ClassVar[Level]
    _preload: ClassVar[bool] = True
    _claims: ClassVar[frozenset[Guarantee]]
    """What this kind of box guarantees anywhere; control groups add to it."""

    def __init__(
        self,
        *,
        interpreter: Interpreter | None = None,
        probe_runtime: Path | None = None,
        use_cgroups: bool = True,
        zygote_seconds: float = 3600.0,
        zygote_forks: int = 1_000,
    ) -> None:
        self._interpreter = interpreter
        self._probe_runtime = probe_runtime
        self._use_cgroups = use_cgroups
        self._zygote_seconds = zygote_seconds
        self._zygote_forks = zygote_forks
        self._zygotes: dict[Path, _Zygotes] = {}
        self._handles: set[BoxHandle] = set()
        self._spawning: set[asyncio.Task[BoxHandle]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._groups: cgroups.Groups | None = None
        self._uids = uids.UidPool() if uids.may_change_uid() else None
        self._landlock = 0
        self._started = False
        self._boxes = 0
        self._poller: asyncio.Task[None] | None = None

    @property
    def interpreter(self) -> Interpreter:
        """The Python of the boxes; found out at the first use."""
        if self._interpreter is None:
            self._interpreter = running()
        return self._interpreter

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        bounded = self._groups.controllers if self._groups is not None else frozenset()
        return self._claims | ({"cpu"} if "cpu" in bounded else set())

    async def start(self) -> None:
        if self._started:
            return
        self._started = True
        self._landlock = guest_landlock.abi()
        self._groups = cgroups.find() if self._use_cgroups else None
        await asyncio.get_running_loop().run_in_executor(None, lambda: self.interpreter)
        if not self._memory_is_bounded:
            self._poller = asyncio.get_running_loop().create_task(self._poll_memory())

    async def selftest(self) -> SelfTest:
        return await selftest.attack(self, self._probe_runtime, guest_landlock.abi())

    def notes(self) -> list[str]:
        """How the promises are kept on this host, one line each."""
        memory = (
            f"memory and processes are bounded by control groups, version {self._groups.version}"
            if self._groups is not None and self._memory_is_bounded
            else "no memory control group may be made: memory is bounded by rlimits and by looking every 0.5 s"
        )
        identity = (
            "each worker has a uid of its own"
            if self._uids is not None
            else "workers share this user's uid on the host"
        )
        return [memory, identity, f"the boxes' Python is {self.interpreter.executable}"]

    async def warm(self, runtime_dir: Path) -> None:
        """Have a zygote of this runtime ready, so that the first worker does not wait for it."""
        await self.start()
        spec = await self._prepare(SandboxSpec(runtime_dir=runtime_dir, limits=WorkerLimits()))
        await self._zygote(spec.runtime_dir)

    async def spawn(self, spec: SandboxSpec) -> BoxHandle:
        # A caller that gives up must not leave half a box: it is finished, then ended.
        spawning = asyncio.get_running_loop().create_task(self._spawn(spec))
        self._spawning.add(spawning)
        spawning.add_done_callback(self._spawning.discard)
        try:
            return await asyncio.shield(spawning)
        except asyncio.CancelledError:
            spawning.add_done_callback(self._discard)
            raise

    async def _spawn(self, spec: SandboxSpec) -> BoxHandle:
        await self.start()
        _require(spec)
        spec = await self._prepare(spec)
        making = self._make(spec)
        zygote = await self._zygote(spec.runtime_dir)
        with contextlib.ExitStack() as lent, contextlib.ExitStack() as undo:
            rpc, inner = socket.socketpair()
            lent.enter_context(inner)
            undo.callback(rpc.close)
            rpc.setblocking(False)
            uid = self._take_uid(undo)
            group = self._new_group(undo, spec)
            fds: list[tuple[FdName, int]] = [("rpc", inner.fileno())]
            alive: socket.socket | None = None
            if making.wrapper is not None:
                alive, inner_alive = socket.socketpair()
                lent.enter_context(inner_alive)
                undo.callback(alive.close)
                alive.setblocking(False)
                fds.append(("alive", inner_alive.fileno()))
            for joining in group.open_for_joining() if group is not None else []:
                lent.callback(os.close, joining)
                fds.append(("cgroup", joining))
            fds += _standard_streams(spec)
            order = Order(
                id=0,
                fds=tuple(name for name, _ in fds),
                inside=self._inside(spec, making),
                uid=uid,
                namespaces=making.namespaces,
                wrapper=making.wrapper,
            )
            child = await zygote.fork(order, [fd for _, fd in fds])
            undo.pop_all()  # From here on the handle tidies up.
        # Our copies of the child's descriptors are closed: a dead box's socket must read as ended.
        return await self._greet(spec, making, BoxParts(child, rpc, group, uid, alive))

    def zygote_pids(self) -> list[int]:
        """The processes that boxes are forked from: one for each runtime, and older ones that still have children."""
        forkers = [one for group in self._zygotes.values() for one in (group.current, *group.retired)]
        return [one.pid for one in forkers if one is not None and one.alive and one.pid is not None]

    async def aclose(self) -> None:
        if self._poller is not None:
            self._poller.cancel()
            self._poller = None
        await asyncio.gather(*self._spawning, return_exceptions=True)
        await asyncio.gather(*(handle.kill() for handle in list(self._handles)), *self._ending)
        for zygotes in self._zygotes.values():
            if zygotes.rotation is not None:
                await zygotes.rotation
            for forker in (zygotes.current, *zygotes.retired):
                if forker is not None:
                    await forker.aclose()
        self._zygotes.clear()
        if self._groups is not None:
            self._groups.close()
            self._groups = None
        if self._uids is not None:
            self._uids.close()
        self._started = False

    @abstractmethod
    def _make(self, spec: SandboxSpec) -> Making:
        """How to make a box for `spec`. Raises LaunchError for what this launcher cannot do."""

    async def _prepare(self, spec: SandboxSpec) -> SandboxSpec:
        """What `spec` becomes on this host before a box is made for it."""
        return spec

    @property
    def _isolation(self) -> Literal["root", "user", "none"]:
        """Namespaces of the zygote itself."""
        return "root" if uids.may_mount() and self._uids is not None else "user"

    @property
    def _memory_is_bounded(self) -> bool:
        return self._groups is not None and "memory" in self._groups.controllers

    def _inside(self, spec: SandboxSpec, making: Making) -> Inside:
        return Inside(
            runtime=str(spec.runtime_dir),
            walls=making.walls,
            limits=spec.limits,
            memory_is_bounded=self._memory_is_bounded,
            threads=making.threads,
            app=making.app,
            dependencies=making.dependencies,
            program=Program(spec.command, spec.command_env) if spec.command is not None else None,
        )

    def _discard(self, spawned: asyncio.Task[BoxHandle]) -> None:
        if spawned.cancelled() or spawned.exception() is not None:
            return
        handle = spawned.result()
        if handle.rpc is not None:
            handle.rpc.close()
        ending = asyncio.get_running_loop().create_task(handle.kill())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _greet(self, spec: SandboxSpec, making: Making, parts: BoxParts) -> BoxHandle:
        """The handle of a box that says HELLO; one that does not is ended."""

        def released(handle: BoxHandle) -> None:
            self._handles.discard(handle)
            if parts.uid is not None and self._uids is not None:
                self._uids.give_back(parts.uid)

        handle = BoxHandle(
            parts.child,
            parts.rpc if spec.command is None else None,
            parts.group,
            released=released,
            alive=parts.alive,
            status_is_shells=making.wrapper is not None or spec.command is not None,
            memory_limit=None if self._memory_is_bounded else spec.limits.memory_mb * _MIB,
        )
        self._handles.add(handle)
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                await hello(parts.rpc, consume=spec.command is not None, ended=parts.child.exited)
        except BaseException as error:
            parts.rpc.close()
            await handle.kill()
            if isinstance(error, TimeoutError):
                raise LaunchError("start", f"The box did not say HELLO within {HELLO_SECONDS:.0f} s.") from None
            raise
        if parts.group is not None:
            # Only now: what went before was ours, and a box that imports its runtime would wait for its share.
            parts.group.limit_cpu(spec.limits)
        if spec.command is not None:
            handle.hold(parts.rpc)
        return handle

    async def _zygote(self, runtime_dir: Path) -> Forker:
        zygotes = self._zygotes.setdefault(runtime_dir, _Zygotes())
        async with zygotes.lock:
            current = zygotes.current
            if current is None or not current.alive:
                zygotes.current = current = await self._new_zygote(runtime_dir)
            elif self._is_due(current) and (zygotes.rotation is None or zygotes.rotation.done()):
                # Beside the caller: the old one serves until the new one is ready.
                zygotes.rotation = asyncio.get_running_loop().create_task(self._rotate(runtime_dir, zygotes))
        return current

    async def _rotate(self, runtime_dir: Path, zygotes: _Zygotes) -> None:
        """Boxes of one zygote share their address layout and hash seed, so none forks for ever (SANDBOX 3)."""
        with contextlib.suppress(LaunchError):  # The old one goes on; the next spawn tries again.
            fresh = await self._new_zygote(runtime_dir)
            old, zygotes.current = zygotes.current, fresh
            zygotes.retired = [forker for forker in zygotes.retired if forker.alive]
            if old is not None:
                zygotes.retired.append(old)
                old.retire()

    async def _new_zygote(self, runtime_dir: Path) -> Forker:
        options = Zygote(host=os.getpid(), control=0, isolation=self._isolation, preload=self._preload)
        forker = Forker(self.interpreter, runtime_dir, options)
        await forker.start()
        return forker

    def _is_due(self, forker: Forker) -> bool:
        return forker.forks >= self._zygote_forks or time.monotonic() - forker.born >= self._zygote_seconds

    def _take_uid(self, undo: contextlib.ExitStack) -> int | None:
        if self._uids is None:
            return None
        uid = self._uids.take()
        undo.callback(self._uids.give_back, uid)
        return uid

    def _new_group(self, undo: contextlib.ExitStack, spec: SandboxSpec) -> cgroups.Group | None:
        if self._groups is None:
            return None
        self._boxes += 1
        try:
            group = self._groups.make(f"box-{self._boxes}", spec.limits)
        except OSError as error:
            raise LaunchError("cgroup", f"No control group could be made for the box: {error}") from error
        undo.callback(group.remove)
        return group

    async def _poll_memory(self) -> None:
        """The bound on memory where no control group gives one (SANDBOX 2.4)."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            for handle in list(self._handles):
                handle.enforce_memory()


@dataclass(frozen=True, slots=True)
class BoxParts:
    """What a handle is made of."""

    child: Child
    rpc: socket.socket
    group: cgroups.Group | None
    uid: int | None
    alive: socket.socket | None


def _require(spec: SandboxSpec) -> None:
    """Name what is missing, which the kernel's error would not."""
    folders = (spec.runtime_dir, spec.code_dir, spec.dependencies_dir, spec.egress_socket)
    for path in (*folders, *(source for source, _ in spec.read_only)):
        if path is not None and not path.exists():
            raise LaunchError("files", f"{path} does not exist.")


def _standard_streams(spec: SandboxSpec) -> list[tuple[FdName, int]]:
    streams: tuple[tuple[FdName, int | None], ...] = (
        ("stdin", spec.stdin_fd),
        ("stdout", spec.stdout_fd),
        ("stderr", spec.stderr_fd),
    )
    return [(name, fd) for name, fd in streams if fd is not None]


async def hello(rpc: socket.socket, *, consume: bool, ended: asyncio.Future[int] | None = None) -> None:
    """Wait for the box's first frame, or for its end. HELLO stays in the buffer for the reader unless `consume`d."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(rpc.fileno(), settle, readable)
    try:
        waiting: set[asyncio.Future[Any]] = {readable} if ended is None else {readable, ended}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        loop.remove_reader(rpc.fileno())
    try:
        # A first frame is one small write, so it is here as a whole.
        data = rpc.recv(_FIRST_FRAME, socket.MSG_PEEK)
    except BlockingIOError:
        data = b""
    if not data:
        if ended is not None:
            await asyncio.wait({ended}, timeout=1)  # Its socket ends a moment before it does.
        status = f" (wait status {ended.result()})" if ended is not None and ended.done() else ""
        raise LaunchError("start", f"The box ended before it said HELLO{status}.")
    frame = frames.decode(data[4:])
    if frame.kind == frames.Kind.ERROR:
        failure = msgspec.json.decode(frame.payload, type=dict[str, str])
        raise LaunchError(failure["code"], failure["message"])
    if frame.kind != frames.Kind.HELLO:
        raise LaunchError("start", f"The box said {frame.kind} before HELLO.")
    if consume:
        rpc.recv(len(data))
