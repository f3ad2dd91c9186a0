"""Boxes without namespaces, for hosts that allow none, such as an unmodified container (SANDBOX 0.4, 2.4, 2.6).

A uid per worker where the host process may change uids, Landlock, seccomp without any socket(), rlimits. There is no
writable path and no network, so there is no egress and no build. Weaker than namespaces: the operator opts in.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final, Literal

from mcp_runtime.sandbox.guest.box import Walls
from mcp_runtime.sandbox.launchers import layout
from mcp_runtime.sandbox.launchers.base import Guarantee, LaunchError, Level, SandboxSpec
from mcp_runtime.sandbox.launchers.forking import ForkingLauncher, Making
from mcp_runtime.sandbox.launchers.interpreter import Interpreter, inspect, reachable, running
from mcp_runtime.sandbox.launchers.showcase import Showcase
from mcp_runtime.sandbox.launchers.uids import FIRST

OLDEST_ABI: Final = 6
"""The first Landlock that keeps signals and abstract sockets inside (Linux 6.12)."""
_SYSTEM_FOLDERS: Final = ("/usr/bin", "/usr/local/bin")


class LandlockLauncher(ForkingLauncher):
    name: ClassVar[str] = "landlock"
    level: ClassVar[Level] = "landlock"
    _claims: ClassVar[frozenset[Guarantee]] = frozenset(
        {"files", "secrets", "network", "signals", "memory", "disk", "inodes", "killable", "dies_with_host", "syscalls"}
    )

    _showcase: Showcase | None = None

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        # Threads are counted by uid: a bound of their own needs a uid of their own, or a control group.
        bounded = self._uids is not None or (self._groups is not None and "pids" in self._groups.controllers)
        return super().guarantees | ({"processes"} if bounded else set())

    async def start(self) -> None:
        if not self._started and self._interpreter is None and self._uids is not None:
            loop = asyncio.get_running_loop()
            self._interpreter = await loop.run_in_executor(None, lambda: open_interpreter(running()))
        await super().start()

    async def aclose(self) -> None:
        await super().aclose()
        if self._showcase is not None:
            self._showcase.close()
            self._showcase = None

    @property
    def _isolation(self) -> Literal["root", "user", "none"]:
        return "none"

    async def _prepare(self, spec: SandboxSpec) -> SandboxSpec:
        if self._uids is None:
            return spec
        try:
            return await asyncio.get_running_loop().run_in_executor(None, self._show, spec)
        except OSError as error:
            raise LaunchError("files", f"The box's files could not be laid out for its uid: {error}") from error

    def _show(self, spec: SandboxSpec) -> SandboxSpec:
        def shown(folder: Path | None) -> Path | None:
            if folder is None or reachable(folder, FIRST):
                return folder
            self._showcase = self._showcase or Showcase()
            return self._showcase.show(folder)

        runtime = shown(spec.runtime_dir)
        assert runtime is not None
        return replace(
            spec,
            runtime_dir=runtime,
            code_dir=shown(spec.code_dir),
            dependencies_dir=shown(spec.dependencies_dir),
        )

    def _make(self, spec: SandboxSpec) -> Making:
        if self._landlock < OLDEST_ABI:
            raise LaunchError(
                "Landlock",
                f"This kernel speaks Landlock ABI {self._landlock}; {OLDEST_ABI} is needed (Linux 6.12, with "
                "`landlock` in its list of security modules). Use a launcher with namespaces instead.",
            )
        if spec.command is not None or spec.subprocess:
            raise LaunchError("command", "Commands need a launcher with namespaces; Landlock boxes run no program.")
        if spec.egress_socket is not None:
            raise LaunchError(
                "egress", "Landlock boxes have no network at all; egress needs a launcher with namespaces."
            )
        tree = layout.tree(spec, self.interpreter, program=False)
        libraries = [bind.target for bind in tree.binds if bind.program and not _outside(bind.target)]
        own = [str(folder) for folder in (spec.code_dir, spec.dependencies_dir) if folder is not None]
        listed, readable = without(libraries, tree.hidden)
        return Making(
            walls=Walls(
                execute=(*readable, *own),
                read=(*layout.folders(tree.binds, program=False), *layout.DEVICES),
                write=("/dev/null",),
                list_only=tuple(listed),
                landlock=self._landlock,
                namespaces=False,
            ),
            app=str(spec.code_dir) if spec.code_dir is not None else None,
            dependencies=str(spec.dependencies_dir) if spec.dependencies_dir is not None else None,
            threads=None if self._uids is not None else _threads_of(os.getuid()) + spec.limits.processes,
        )


def open_interpreter(own: Interpreter) -> Interpreter:
    """A Python of our version that every uid can read. Raises LaunchError."""
    major, minor = own.version
    candidates = [own.executable, *(f"{folder}/python{major}.{minor}" for folder in _SYSTEM_FOLDERS)]
    for candidate in candidates:
        if os.path.exists(candidate):
            found = inspect(os.path.realpath(candidate))
            if found.version == own.version and all(reachable(path, FIRST) for path in (*found.path, *found.libraries)):
                return found
    raise LaunchError(
        "interpreter",
        f"Boxes run as uids of their own, which cannot read {own.executable}. Install Python {major}.{minor} for all "
        "users (/usr/bin), open the folders above it (chmod o+x), or run the platform as an ordinary user.",
    )


def _outside(target: str) -> bool:
    """Whether a bind's target exists only inside boxes with a root of their own."""
    return target in (layout.APP, layout.DEPENDENCIES)


def without(folders: list[str], hidden: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """(folders to list, entries to read) that together give `folders` without `hidden`: rules can only add."""
    listed: list[str] = []
    readable: list[str] = []
    for folder in folders:
        inside = [path for path in hidden if path.startswith(folder + "/")]
        if not inside:
            readable.append(folder)
            continue
        listed.append(folder)
        entries = [entry.path for entry in os.scandir(folder) if entry.path not in inside]
        further, open_entries = without(entries, tuple(inside))
        listed += further
        readable += open_entries
    return listed, readable


def _threads_of(uid: int) -> int:
    """Threads that this uid has on the whole host: where boxes share it, their limit counts all of them."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid == uid:
                total += len(os.listdir(folder / "task"))
        except OSError:
            continue  # It ended meanwhile.
    return total
