"""The same box as the zygote's, made by the audited external tool (SANDBOX 0.3, 2.1).

For hosts where only /usr/bin/bwrap may make user namespaces, and when the zygote's self-test fails. Slower: each box
imports the runtime anew.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from typing import ClassVar, Final, Literal

import msgspec

from mcp_runtime.sandbox.guest.box import ENVIRONMENT, HOSTNAME, INNER_ID, Bind, Inside, Wrapper
from mcp_runtime.sandbox.guest.lockdown import ALIVE, LAUNCH_FILTER
from mcp_runtime.sandbox.guest.mounts import STAGING
from mcp_runtime.sandbox.launchers import layout, uids
from mcp_runtime.sandbox.launchers.base import Guarantee, LaunchError, Level, SandboxSpec
from mcp_runtime.sandbox.launchers.forking import ForkingLauncher, Making
from mcp_runtime.sandbox.launchers.interpreter import reachable
from mcp_runtime.sandbox.launchers.zygote import namespace_walls

_BOOT: Final = "mcp_runtime/sandbox/guest/boot.py"
_MIB: Final = 1024 * 1024


class BubblewrapLauncher(ForkingLauncher):
    name: ClassVar[str] = "bubblewrap"
    level: ClassVar[Level] = "namespace"
    _preload: ClassVar[bool] = False
    _claims: ClassVar[frozenset[Guarantee]] = frozenset(
        {
            "files", "secrets", "network", "signals", "memory", "processes", "disk", "killable", "dies_with_host",
            "syscalls",
        }
    )  # fmt: skip
    """Not inodes: bwrap's tmpfs has no limit on them. Their memory counts towards the control group's bound."""

    @property
    def _isolation(self) -> Literal["root", "user", "none"]:
        # An ordinary user's Python may be refused user namespaces where bwrap is not; bwrap dies with its parent.
        return "root" if uids.may_mount() and self._uids is not None else "none"

    def _make(self, spec: SandboxSpec) -> Making:
        program = shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin")
        if program is None:
            raise LaunchError("bwrap", "It is not installed. Install the package `bubblewrap`.")
        tree = layout.tree(spec, self.interpreter, program=True)
        making = Making(
            walls=namespace_walls(spec, tree.binds, self._landlock),
            app=layout.APP if spec.code_dir is not None else None,
            dependencies=layout.DEPENDENCIES if spec.dependencies_dir is not None else None,
        )
        staged, sources = self._staged(tree.binds)
        inside = self._inside(spec, making)
        argv = (program, *_arguments(spec, tree, sources), "--", *self._boot(spec, inside))
        return dataclasses.replace(making, wrapper=Wrapper(argv=argv, staged=staged, launch_filter=True))

    def _boot(self, spec: SandboxSpec, inside: Inside) -> list[str]:
        return self.interpreter.command(spec.runtime_dir / _BOOT, msgspec.json.encode(inside).decode())

    def _staged(self, binds: tuple[Bind, ...]) -> tuple[tuple[Bind, ...], dict[str, str]]:
        """Sources that the box's uid cannot reach, each at a place where it can; and where each source is then."""
        files = [bind for bind in binds if not bind.device]
        hidden = [bind for bind in files if self._uids is not None and not reachable(bind.source, uids.FIRST)]
        if hidden:
            # What is laid out covers the staging folder, so whatever lies below that must be laid out as well.
            hidden += [bind for bind in files if bind not in hidden and bind.source.startswith(STAGING + "/")]
        staged = [
            Bind(bind.source, f"{STAGING}/source-{number}", program=bind.program) for number, bind in enumerate(hidden)
        ]
        if staged and not uids.may_mount():
            raise LaunchError(
                "mount",
                f"The box's uid cannot reach {staged[0].source}, and the runner may not mount it elsewhere. Open the "
                "folders above it (chmod o+x), or give the runner CAP_SYS_ADMIN.",
            )
        return tuple(staged), {bind.source: bind.target for bind in staged}


def _arguments(spec: SandboxSpec, tree: layout.Tree, sources: dict[str, str]) -> list[str]:
    """bwrap's arguments, in the order that SANDBOX 2.1 gives: what is mounted later covers what is there."""
    arguments = ["--unshare-user", "--uid", str(INNER_ID), "--gid", str(INNER_ID)]
    if not os.statvfs("/proc/sys").f_flag & os.ST_RDONLY:
        arguments.append("--disable-userns")  # It writes below /proc/sys, which containers mount read-only.
    arguments += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--unshare-cgroup-try"]
    arguments += ["--hostname", HOSTNAME, "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    for name, value in ENVIRONMENT.items():
        arguments += ["--setenv", name, value]
    # First: a platform kept below /tmp (a test's) has its runtime there.
    arguments += ["--perms", "0700", "--size", str(spec.limits.tmp_mb * _MIB), "--tmpfs", "/tmp"]
    files = [bind for bind in tree.binds if not bind.device]
    for bind in files:
        arguments += ["--ro-bind", sources.get(bind.source, bind.source), bind.target]
    for link in tree.links:
        arguments += ["--symlink", link.to, link.path]
    for folder in tree.hidden:
        arguments += ["--perms", "0555", "--size", "4096", "--tmpfs", folder, "--remount-ro", folder]
    # Not --dev: that is a writable tmpfs without a bound, with /dev/shm and terminals.
    arguments += ["--perms", "0755", "--size", "65536", "--tmpfs", "/dev"]
    for device in layout.DEVICES:
        arguments += ["--dev-bind", device, device]
    arguments += ["--remount-ro", "/dev"]
    # bwrap's own root is a writable tmpfs.
    arguments += ["--remount-ro", "/", "--chdir", "/tmp"]
    return [*arguments, "--sync-fd", str(ALIVE), "--seccomp", str(LAUNCH_FILTER)]
