"""The launcher interface (SANDBOX 2.6). Every launcher is held to it by the same attack suite."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from mcp_runtime.ports.workers import WorkerLimits

Level = Literal["namespace", "container", "landlock", "none"]
Guarantee = Literal[
    "files", "secrets", "network", "signals", "memory", "cpu", "processes", "disk", "inodes", "killable",
    "dies_with_host", "syscalls",
]  # fmt: skip
ExitCause = Literal["exit", "signal", "oom", "seccomp", "timeout", "killed"]


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """One box. Paths are the host's; inside they are `/rt`-independent: the runtime keeps its own path."""

    runtime_dir: Path
    """The content-addressed folder with what the guest imports; mounted read-only at the same path."""
    limits: WorkerLimits
    code_dir: Path | None = None
    """Mounted read-only at `/app`."""
    dependencies_dir: Path | None = None
    """Mounted read-only at `/deps`."""
    egress_socket: Path | None = None
    """The worker's own socket to the egress proxy, at `/run/egress.sock` inside; None is no network at all."""
    subprocess: bool = False
    """Allow fork and exec inside the box: for builds and foreign commands."""
    command: tuple[str, ...] | None = None
    """Run this program instead of the Python guest: stdout and stderr go to `stdout_fd` and `stderr_fd`."""
    command_env: dict[str, str] = field(default_factory=dict)
    """Environment of `command`. Never a secret: argv and environ are readable to the box's own uid."""
    read_only: tuple[tuple[Path, str], ...] = ()
    """Further read-only mounts: (host path, path inside)."""
    stdin_fd: int | None = None
    stdout_fd: int | None = None
    stderr_fd: int | None = None
    """Descriptors for the child; None is /dev/null."""


@dataclass(frozen=True, slots=True)
class ExitReason:
    cause: ExitCause
    code: int
    """Exit status, or the signal's number."""


@dataclass(frozen=True, slots=True)
class Stats:
    rss_bytes: int
    cpu_seconds: float
    oom_kills: int
    processes: int


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What a launcher found out about itself. `ok` False means it must not be used (fail closed)."""

    launcher: str
    level: Level
    ok: bool
    guarantees: frozenset[Guarantee]
    missing: frozenset[Guarantee]
    landlock_abi: int
    details: tuple[str, ...] = ()
    """One line each: what was probed, what was found, what would remedy it."""


class Handle(Protocol):
    """One living box."""

    pid: int
    """The host's pid of the box's first process."""
    rpc: socket.socket | None
    """Our end of the worker's pipe (non-blocking AF_UNIX stream); None for `command` boxes."""

    async def kill(self) -> None:
        """End every process of the box, by pidfd or cgroup. Idempotent; returns when they are gone."""

    async def wait(self) -> ExitReason:
        """Why it ended; any number of waiters."""

    def stats(self) -> Stats: ...


class Launcher(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def level(self) -> Level: ...

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        """What its boxes keep on this host."""

    async def start(self) -> None:
        """Start what the launcher keeps (a zygote). Idempotent."""

    async def selftest(self) -> SelfTest:
        """Attack a blank worker a little and report; never raises for a weak host."""

    async def spawn(self, spec: SandboxSpec) -> Handle:
        """A blank box: closed as far as it can be before tenant code exists, nothing of the tenant's loaded.
        Its first frame is HELLO. Raises LaunchError naming the step that failed and the remedy."""

    async def aclose(self) -> None:
        """Kill every box and stop. Idempotent."""


class LaunchError(Exception):
    """A box could not be made. `step` is the kernel feature or file that refused."""

    def __init__(self, step: str, message: str) -> None:
        super().__init__(f"{step}: {message}")
        self.step = step
        self.message = message
