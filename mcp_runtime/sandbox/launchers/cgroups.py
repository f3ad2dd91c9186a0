"""Control groups for boxes: the only real bound on memory and CPU (SANDBOX 0.8, 2.4).

Version 2 in a delegated folder, version 1 where its controllers are mounted and writable, or none: `find` says which
this host offers. A launcher has one folder, a box one below it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mcp_runtime.ports.workers import WorkerLimits

_CONTROLLERS: Final[tuple[str, ...]] = ("memory", "cpu", "pids")
_PERIOD: Final = 100_000
_MIB: Final = 1024 * 1024
_PREFIX: Final = "stoa-"
_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Use:
    """What a group has used so far."""

    memory_bytes: int
    cpu_seconds: float
    oom_kills: int
    processes: int


class Group:
    """The folder of one box, in each hierarchy."""

    def __init__(self, folders: dict[str, Path], *, unified: bool) -> None:
        self._folders = folders
        self._unified = unified

    @property
    def controllers(self) -> frozenset[str]:
        return frozenset(self._folders)

    def open_for_joining(self) -> list[int]:
        """Descriptors: a process of one thread that writes "0" to each is in the group."""
        # Moving a whole process (cgroup.procs) waits for every fork and exit on the host: seconds on a busy one, as
        # measured. A thread that moves itself waits for nobody, but version 2 has no such file for this.
        name = "cgroup.procs" if self._unified else "tasks"
        return [os.open(folder / name, os.O_WRONLY | os.O_CLOEXEC) for folder in self._distinct()]

    def limit(self, limits: WorkerLimits) -> None:
        """Bound memory and processes. Raises OSError."""
        memory = str(limits.memory_mb * _MIB)
        self._set("pids", "pids.max", str(limits.processes))
        if self._unified:
            self._set("memory", "memory.max", memory)
            self._set("memory", "memory.swap.max", "0", needed=False)
            self._set("memory", "memory.oom.group", "1", needed=False)
        else:
            self._set("memory", "memory.limit_in_bytes", memory)
            # Memory and swap together, where the kernel accounts swap: as much as memory alone.
            self._set("memory", "memory.memsw.limit_in_bytes", memory, needed=False)

    def limit_cpu(self, limits: WorkerLimits) -> None:
        """Bound the share of processor time. Raises OSError."""
        quota = max(1_000, int(limits.cpu_cores * _PERIOD))
        if self._unified:
            self._set("cpu", "cpu.max", f"{quota} {_PERIOD}")
        else:
            self._set("cpu", "cpu.cfs_period_us", str(_PERIOD))
            self._set("cpu", "cpu.cfs_quota_us", str(quota))

    def _set(self, controller: str, name: str, value: str, *, needed: bool = True) -> None:
        folder = self._folders.get(controller)
        if folder is not None and (needed or (folder / name).exists()):
            (folder / name).write_text(value)

    def pids(self) -> list[int]:
        found: set[int] = set()
        for folder in self._distinct():
            with contextlib.suppress(OSError):
                found.update(int(line) for line in (folder / "cgroup.procs").read_text().split())
        return sorted(found)

    def kill(self) -> None:
        """SIGKILL to every process in the group. May have to be repeated while processes are being made."""
        with contextlib.suppress(OSError):
            if self._unified:
                (next(iter(self._folders.values())) / "cgroup.kill").write_text("1")
                return
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def use(self) -> Use:
        if self._unified:
            memory = self._number("memory", "memory.current")
            cpu = self._field("cpu", "cpu.stat", "usage_usec") / 1e6
            kills = self._field("memory", "memory.events", "oom_kill")
        else:
            memory = self._number("memory", "memory.usage_in_bytes")
            cpu = self._number("cpuacct", "cpuacct.usage") / 1e9
            kills = self._field("memory", "memory.oom_control", "oom_kill")
        return Use(memory, cpu, kills, self._number("pids", "pids.current"))

    def remove(self) -> bool:
        """Whether it is gone. A group with a process in it stays."""
        for folder in self._distinct():
            with contextlib.suppress(FileNotFoundError):
                try:
                    folder.rmdir()
                except OSError:
                    return False
        return True

    def _distinct(self) -> list[Path]:
        return list(dict.fromkeys(self._folders.values()))

    def _number(self, controller: str, name: str) -> int:
        return int(self._read(controller, name) or 0)

    def _field(self, controller: str, name: str, field: str) -> int:
        for line in self._read(controller, name).splitlines():
            key, _, value = line.partition(" ")
            if key == field:
                return int(value)
        return 0

    def _read(self, controller: str, name: str) -> str:
        folder = self._folders.get(controller)
        if folder is None:
            return ""
        try:
            return (folder / name).read_text()
        except OSError:
            return ""


class Groups:
    """A launcher's folder in each hierarchy. `close` removes it.

    A lock on the folder says that it is in use, and goes with its process however that ends. The process id in the
    name says nothing: a runner in another container has another view of them, and may see the same control groups.
    """

    def __init__(self, parents: dict[str, Path], *, unified: bool) -> None:
        self.version = 2 if unified else 1
        self._unified = unified
        _sweep(set(parents.values()))
        self._folders, self._locks = _own_folders(parents)
        if unified:
            wanted = " ".join(f"+{controller}" for controller in parents)
            (next(iter(self._folders.values())) / "cgroup.subtree_control").write_text(wanted)

    @property
    def controllers(self) -> frozenset[str]:
        return frozenset(self._folders)

    def make(self, name: str, limits: WorkerLimits) -> Group:
        """A limited group, with nothing in it. Raises OSError."""
        folders = {controller: folder / name for controller, folder in self._folders.items()}
        for folder in set(folders.values()):
            folder.mkdir()
        group = Group(folders, unified=self._unified)
        try:
            group.limit(limits)
        except OSError:
            group.remove()
            raise
        return group

    def close(self) -> None:
        Group(self._folders, unified=self._unified).remove()
        for lock in self._locks:
            os.close(lock)


def _own_folders(parents: dict[str, Path]) -> tuple[dict[str, Path], list[int]]:
    """A new folder in each hierarchy, and the locks on them. Raises OSError."""
    for _ in range(_ATTEMPTS):
        name = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
        folders = {controller: parent / name for controller, parent in parents.items()}
        locks: list[int] = []
        for folder in dict.fromkeys(folders.values()):
            folder.mkdir()
            lock = _lock(folder)
            if lock is not None:
                locks.append(lock)
        if len(locks) == len(set(folders.values())) and all(folder.exists() for folder in folders.values()):
            return folders, locks
        # Somebody swept while the folders were there and the locks were not yet.
        for lock in locks:
            os.close(lock)
        for folder in set(folders.values()):
            with contextlib.suppress(OSError):
                folder.rmdir()
    raise OSError(errno.EAGAIN, f"Control groups vanish as soon as they are made, {_ATTEMPTS} times", str(parents))


def _lock(folder: Path) -> int | None:
    """The descriptor that locks `folder`; None where it is locked already, or is not there any more."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _sweep(parents: set[Path]) -> None:
    """Remove the folders of runners that were killed before they could."""
    for parent in parents:
        for folder in parent.glob(f"{_PREFIX}*-*"):
            lock = _lock(folder)
            if lock is None:
                continue
            for inner in (*folder.glob("*/"), folder):
                with contextlib.suppress(OSError):
                    inner.rmdir()
            os.close(lock)


def find() -> Groups | None:
    """Groups below this process's own, where the host lets it make them with a memory bound; otherwise None."""
    with contextlib.suppress(OSError):
        own = _own_groups()
        if "" in own and (found := _unified(own[""])):
            return found
        return _separate(own)
    return None


def _own_groups() -> dict[str, str]:
    """The group that this process is in, by controller; "" is version 2."""
    groups: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            groups[controller] = path
    return groups


def _mounted() -> list[tuple[Path, str, str]]:
    """(mount point, root within the hierarchy, controllers) of each mounted hierarchy; version 2 has no controllers."""
    found: list[tuple[Path, str, str]] = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        fields = before.split(" ")
        if kind == "cgroup2":
            found.append((Path(fields[4]), fields[3], ""))
        elif kind == "cgroup":
            found.append((Path(fields[4]), fields[3], options))
    return found


def _folder(mount: Path, root: str, own: str) -> Path:
    """Where our group is seen. Inside a container the mount's root is the container's own group."""
    relative = own.removeprefix(root.rstrip("/")) if root != "/" else own
    return mount / relative.lstrip("/")


def _unified(own: str) -> Groups | None:
    for mount, root, controllers in _mounted():
        if controllers:
            continue
        mine = _folder(mount, root, own)
        # The nearest folder that passes the controllers on to its children and that we may write.
        for folder in (mine, *mine.parents):
            if not folder.is_relative_to(mount) or not os.access(folder / "cgroup.procs", os.W_OK):
                break
            offered = (folder / "cgroup.controllers").read_text().split()
            wanted = [controller for controller in _CONTROLLERS if controller in offered]
            if {"memory", "pids"} <= set(wanted) and _passes_on(folder, wanted, ours=folder == mine):
                return Groups(dict.fromkeys(wanted, folder), unified=True)
    return None


def _passes_on(folder: Path, wanted: list[str], *, ours: bool) -> bool:
    """Whether children of `folder` get the controllers. A folder with processes in it cannot pass them on (cgroup-v2,
    "no internal process constraint"), so in one that was delegated to us the processes move to a child first."""
    switch = folder / "cgroup.subtree_control"
    if set(wanted) <= set(switch.read_text().split()):
        return True
    if not ours or os.geteuid() == 0 or folder.stat().st_uid != os.geteuid():
        return False
    aside = folder / f"{_PREFIX}runner"
    aside.mkdir(exist_ok=True)
    for pid in (folder / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            (aside / "cgroup.procs").write_text(pid)
    switch.write_text(" ".join(f"+{controller}" for controller in wanted))
    return True


def _separate(own: dict[str, str]) -> Groups | None:
    parents: dict[str, Path] = {}
    for mount, root, options in _mounted():
        for controller in (*_CONTROLLERS, "cpuacct"):
            if controller in options.split(",") and controller in own:
                folder = _folder(mount, root, own[controller])
                if os.access(folder, os.W_OK) and not os.statvfs(folder).f_flag & os.ST_RDONLY:
                    parents[controller] = folder
    return Groups(parents, unified=False) if "memory" in parents else None
