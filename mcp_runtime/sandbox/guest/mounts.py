"""A box's own root: a small read-only tmpfs, read-only binds and a bounded /tmp, and nothing else (SANDBOX 2.2).

`open_sources` comes first, while the host's files are still to be seen; `build` makes the root and moves in.
"""

from __future__ import annotations

import os
import stat
from typing import Final

from mcp_runtime.ports.workers import WorkerLimits
from mcp_runtime.sandbox.guest import kernel
from mcp_runtime.sandbox.guest.box import Bind, Namespaces

STAGING: Final = "/tmp"
"""Any folder that every host has: a private tmpfs covers it while the root is being built."""
_PLAIN: Final = kernel.ATTR_RDONLY | kernel.ATTR_NOSUID | kernel.ATTR_NODEV
_DEVICE: Final = kernel.ATTR_RDONLY | kernel.ATTR_NOSUID | kernel.ATTR_NOEXEC
_SAFE: Final = kernel.MS_NOSUID | kernel.MS_NODEV

Sources = list[tuple[Bind, int]]


def copy_sources(binds: tuple[Bind, ...]) -> Sources:
    """Detached, already read-only copies of the mounts, for a process that will lose the right to reach them."""
    copies: Sources = []
    for bind in binds:
        tree = kernel.open_tree(bind.source)
        kernel.mount_attributes("", _attributes(bind), fd=tree)
        copies.append((bind, tree))
    return copies


def open_sources(binds: tuple[Bind, ...]) -> Sources:
    """The sources as they are seen from this mount namespace. They must be open before a tmpfs covers any of them."""
    return [(bind, os.open(bind.source, os.O_PATH | os.O_CLOEXEC)) for bind in binds]


def build(box: Namespaces, limits: WorkerLimits, sources: Sources) -> None:
    """Make the root and make it this process's. Ends in `/tmp`. `sources` are closed."""
    os.umask(0o022)
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", STAGING, "tmpfs", _SAFE, "size=256k,nr_inodes=256,mode=755")
    os.chdir(STAGING)
    # Before the binds: a platform kept below /tmp (a test's) has its runtime there, and the path is to stay the same.
    os.mkdir("./tmp")
    size = f"size={limits.tmp_mb}m,nr_inodes={limits.tmp_inodes},mode=700"
    kernel.mount("tmpfs", "./tmp", "tmpfs", _SAFE | kernel.MS_NOEXEC, size)
    for bind, source in sources:
        _attach(bind, source, "." + bind.target, moved=box.privileged)
    for path in box.hidden:
        kernel.mount("tmpfs", "." + path, "tmpfs", _SAFE | kernel.MS_RDONLY, "size=4k,nr_inodes=1,mode=555")
    for link in box.links:
        os.makedirs("." + os.path.dirname(link.path), exist_ok=True)
        os.symlink(link.to, "." + link.path)
    # Both arguments are the same folder: the old root ends up mounted over the new one, and is then taken away.
    kernel.pivot_root(".", ".")
    kernel.detach(".")
    os.chdir("/tmp")
    kernel.mount_attributes("/", _PLAIN, recursive=False)


def stage(sources: Sources) -> None:
    """Mount copied sources where another uid can reach them (below /tmp), in a mount namespace of its own."""
    os.umask(0o022)
    kernel.mount("tmpfs", STAGING, "tmpfs", _SAFE, "size=256k,nr_inodes=256,mode=755")
    for bind, source in sources:
        _attach(bind, source, bind.target, moved=True)


def _attach(bind: Bind, source: int, target: str, *, moved: bool) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if stat.S_ISDIR(os.fstat(source).st_mode):
        os.makedirs(target, exist_ok=True)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o444))
    if moved:
        kernel.move_mount(source, target)
    else:
        kernel.mount(f"/proc/self/fd/{source}", target, None, kernel.MS_BIND | kernel.MS_REC)
        kernel.mount_attributes(target, _attributes(bind))
    os.close(source)


def _attributes(bind: Bind) -> int:
    if bind.device:
        return _DEVICE
    return _PLAIN if bind.program else _PLAIN | kernel.ATTR_NOEXEC
