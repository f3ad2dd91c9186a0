"""The default launcher: fork from a warm zygote, then build the box around the child (SANDBOX 0.2, 2.2)."""

from __future__ import annotations

from typing import ClassVar

from mcp_runtime.sandbox.guest.box import EGRESS_PORT, Bind, Namespaces, Walls
from mcp_runtime.sandbox.launchers import layout
from mcp_runtime.sandbox.launchers.base import Guarantee, Level, SandboxSpec
from mcp_runtime.sandbox.launchers.forking import ForkingLauncher, Making


class ZygoteLauncher(ForkingLauncher):
    """User, mount, pid, network, IPC, UTS and cgroup namespaces, Landlock, seccomp and rlimits, in a forked child.

    As root each box has a uid of its own; as an ordinary user all share the user's, in user namespaces of their own.
    """

    name: ClassVar[str] = "zygote"
    level: ClassVar[Level] = "namespace"
    _claims: ClassVar[frozenset[Guarantee]] = frozenset(
        {
            "files", "secrets", "network", "signals", "memory", "processes", "disk", "inodes", "killable",
            "dies_with_host", "syscalls",
        }
    )  # fmt: skip

    def _make(self, spec: SandboxSpec) -> Making:
        tree = layout.tree(spec, self.interpreter, program=spec.subprocess)
        return Making(
            walls=namespace_walls(spec, tree.binds, self._landlock),
            namespaces=Namespaces(
                shared=tree.shared,
                own=tree.own,
                links=tree.links,
                hidden=tree.hidden,
                network=spec.egress_socket is not None,
                privileged=self._isolation == "root",
            ),
            app=layout.APP if spec.code_dir is not None else None,
            dependencies=layout.DEPENDENCIES if spec.dependencies_dir is not None else None,
        )


def namespace_walls(spec: SandboxSpec, binds: tuple[Bind, ...], landlock: int) -> Walls:
    """Landlock and seccomp inside a box of namespaces: depth behind the mounts."""
    data = layout.folders(binds, program=False)
    return Walls(
        execute=layout.folders(binds, program=True),
        read=(*data, *layout.DEVICES),
        write=("/tmp", "/dev/null"),
        ports=(EGRESS_PORT,) if spec.egress_socket is not None else (),
        landlock=landlock,
        subprocess=spec.subprocess,
    )
