"""What a box's file tree is made of: the interpreter's library, the runtime, the tenant's code, five devices.

One list for every launcher: the zygote mounts it, bubblewrap is told it, Landlock grants it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from dataclasses import dataclass
from glob import glob

from mcp_runtime.sandbox.guest.box import EGRESS_SOCKET, Bind, Link
from mcp_runtime.sandbox.launchers.base import SandboxSpec
from mcp_runtime.sandbox.launchers.interpreter import Interpreter

APP = "/app"
DEPENDENCIES = "/deps"
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_DATA = (
    "/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/certs", "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates", "/etc/pki/tls/certs", "/etc/pki/ca-trust/extracted", "/usr/share/zoneinfo",
)  # fmt: skip
"""Files that libraries look for at these places, where the host has them."""
_FOREIGN_PACKAGES = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class Tree:
    shared: tuple[Bind, ...]
    """The interpreter's and the runtime's part."""
    own: tuple[Bind, ...]
    """What one box has and another has not."""
    links: tuple[Link, ...]
    hidden: tuple[str, ...]
    """Folders inside the shared binds that must look empty: packages that are installed for the host."""

    @property
    def binds(self) -> tuple[Bind, ...]:
        return (*self.shared, *self.own)


def tree(spec: SandboxSpec, interpreter: Interpreter, *, program: bool) -> Tree:
    """The whole tree of one box. `program` adds the interpreter's own file: only for what is executed inside."""
    host = _host_tree(interpreter, program)
    runtime = Bind(str(spec.runtime_dir), str(spec.runtime_dir))
    # A runtime below /tmp (a test's) lies in the box's own /tmp.
    in_tmp = runtime.target.startswith("/tmp/")
    binds = [runtime] if in_tmp else []
    if spec.code_dir is not None:
        binds.append(Bind(str(spec.code_dir), APP))
    if spec.dependencies_dir is not None:
        binds.append(Bind(str(spec.dependencies_dir), DEPENDENCIES))
    binds += [Bind(str(source), target) for source, target in spec.read_only]
    if spec.egress_socket is not None:
        binds.append(Bind(str(spec.egress_socket), EGRESS_SOCKET, program=False))
    shared = host.shared if in_tmp else (*host.shared, runtime)
    return Tree(shared, tuple(binds), host.links, host.hidden)


def folders(binds: Iterable[Bind], *, program: bool, device: bool = False) -> tuple[str, ...]:
    """The places inside a box that `binds` fill, as Landlock is to grant them."""
    return tuple(bind.target for bind in binds if bind.device == device and bind.program == program)


@functools.cache
def _host_tree(interpreter: Interpreter, program: bool) -> Tree:
    links: list[Link] = []
    code = list(interpreter.path)
    for folder in _library_folders(interpreter):
        if os.path.islink(folder):
            links.append(Link(folder, os.readlink(folder)))
        elif os.path.isdir(folder):
            code.append(folder)
    code += [*interpreter.libraries, *([interpreter.executable] if program else [])]
    covered: list[str] = []
    binds: list[Bind] = []
    for path in code:
        # A library is mapped under its real name; links to it are in the folders.
        if not _within(path, covered) and not _within(os.path.realpath(path), covered):
            covered.append(path)
            binds.append(Bind(os.path.realpath(path), path))
    for path in (*_DATA, *interpreter.certificates):
        if os.path.exists(path) and not _within(path, covered):
            covered.append(path)
            binds.append(Bind(os.path.realpath(path), path, program=False))
    binds += [Bind(device, device, device=True) for device in DEVICES]
    hidden = [found for bind in binds for name in _FOREIGN_PACKAGES for found in _packages(bind.target, name)]
    return Tree(tuple(binds), (), tuple(links), tuple(hidden))


def _library_folders(interpreter: Interpreter) -> list[str]:
    """Where the dynamic loader looks: /lib and its kin are links on merged-/usr systems, folders elsewhere."""
    specific = f"/usr/lib/{interpreter.multiarch}"
    if interpreter.multiarch and os.path.isdir(specific):
        found = [specific, "/usr/lib64", "/lib64"]
        return [*found, "/lib"] if os.path.islink("/lib") else [*found, f"/lib/{interpreter.multiarch}"]
    return ["/usr/lib64", "/lib64", "/usr/lib", "/lib"]


def _packages(folder: str, name: str) -> list[str]:
    return [
        path
        for pattern in (f"{folder}/{name}", f"{folder}/python3*/{name}")
        for path in glob(pattern)
        if os.path.isdir(path) and not os.path.islink(path)
    ]


def _within(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)
