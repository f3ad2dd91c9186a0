"""A box's own root: a small read-only tmpfs, read-only binds and a bounded /tmp, and nothing else (SANDBOX 2.2).

Most of it is the same for every box of a zygote. The zygote puts that together once, as a template in its own mount
namespace; a child copies the template with one call, adds what is its own, and moves in.
"""

from __future__ import annotations

import os
import stat
from typing import Final

from mcp_runtime.ports.workers import WorkerLimits
from mcp_runtime.sandbox.guest import kernel
from mcp_runtime.sandbox.guest.box import Bind, Namespaces

STAGING: Final = "/tmp"
"""Any folder that every host has: while the root is being built, something private covers it."""
_TEMPLATES: Final = "/sys"
"""Covered by the templates in the zygote's mount namespace: nothing in it is ever part of a box."""
_MOST_TEMPLATES: Final = 16
_PLAIN: Final = kernel.ATTR_RDONLY | kernel.ATTR_NOSUID | kernel.ATTR_NODEV
_DEVICE: Final = kernel.ATTR_RDONLY | kernel.ATTR_NOSUID | kernel.ATTR_NOEXEC
_SAFE: Final = kernel.MS_NOSUID | kernel.MS_NODEV
_ROOT_OPTIONS: Final = "size=256k,nr_inodes=256,mode=755"

Sources = list[tuple[Bind, int]]
"""What is still to be mounted, with a descriptor of each source."""


class Templates:
    """The roots that a zygote has put together, by what is in them."""

    def __init__(self) -> None:
        self._paths: dict[object, str] = {}
        self._count = 0

    def path(self, box: Namespaces) -> str:
        """Where the template of `box` is; made at the first call. In the zygote only. Raises OSError."""
        places = tuple((bind.target, os.path.isdir(bind.source)) for bind in box.own if not _in_tmp(bind))
        key = (box.shared, box.links, box.hidden, places)
        path = self._paths.get(key)
        if path is None:
            path = self._empty_root()
            try:
                _furnish(path, box, places)
            except OSError:
                _drop(path)
                raise
            self._paths[key] = path
        return path

    def _empty_root(self) -> str:
        os.umask(0o022)
        if self._count == 0:
            kernel.mount("tmpfs", _TEMPLATES, "tmpfs", _SAFE, "size=64k,nr_inodes=64,mode=755")
        while len(self._paths) >= _MOST_TEMPLATES:
            _drop(self._paths.pop(next(iter(self._paths))))
        self._count += 1
        root = f"{_TEMPLATES}/{self._count}"
        os.mkdir(root)
        kernel.mount("tmpfs", root, "tmpfs", _SAFE, _ROOT_OPTIONS)
        return root


def _furnish(root: str, box: Namespaces, places: tuple[tuple[str, bool], ...]) -> None:
    os.mkdir(f"{root}/tmp")
    for bind in box.shared:
        _make_place(root + bind.target, os.path.isdir(bind.source))
        kernel.mount(bind.source, root + bind.target, None, kernel.MS_BIND | kernel.MS_REC)
        kernel.mount_attributes(root + bind.target, _attributes(bind))
    for path in box.hidden:
        kernel.mount("tmpfs", root + path, "tmpfs", _SAFE | kernel.MS_RDONLY, "size=4k,nr_inodes=1,mode=555")
    for link in box.links:
        os.makedirs(os.path.dirname(root + link.path), exist_ok=True)
        os.symlink(link.to, root + link.path)
    for target, is_folder in places:
        _make_place(root + target, is_folder)
    kernel.mount(None, root, None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount_attributes(root, _PLAIN, recursive=False)


def _drop(root: str) -> None:
    """Boxes that were made from it have copies of their own."""
    kernel.detach(root)
    os.rmdir(root)


def copy_sources(binds: tuple[Bind, ...]) -> Sources:
    """Detached, already read-only copies of the mounts, for a process that will lose the right to reach them."""
    copies: Sources = []
    for bind in binds:
        tree = kernel.open_tree(bind.source)
        kernel.mount_attributes("", _attributes(bind), fd=tree)
        copies.append((bind, tree))
    return copies


def open_sources(binds: tuple[Bind, ...]) -> Sources:
    """The sources as they are seen from this mount namespace. They must be open before anything covers them."""
    return [(bind, os.open(bind.source, os.O_PATH | os.O_CLOEXEC)) for bind in binds]


def build(limits: WorkerLimits, template: str | int, sources: Sources) -> None:
    """Make the root and make it this process's. Ends in `/tmp`.

    `template` is a path, or the descriptor of a detached copy; then so are the `sources`, which are closed.
    """
    os.umask(0o022)
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    if isinstance(template, int):
        kernel.move_mount(template, STAGING)
        os.close(template)
    else:
        kernel.mount(template, STAGING, None, kernel.MS_BIND | kernel.MS_REC)
    os.chdir(STAGING)
    size = f"size={limits.tmp_mb}m,nr_inodes={limits.tmp_inodes},mode=700"
    kernel.mount("tmpfs", "./tmp", "tmpfs", _SAFE | kernel.MS_NOEXEC, size)
    for bind, source in sources:
        if _in_tmp(bind):
            _make_place("." + bind.target, stat.S_ISDIR(os.fstat(source).st_mode))
        _attach(bind, source, "." + bind.target, moved=isinstance(template, int))
    # Both arguments are the same folder: the old root ends up mounted over the new one, and is then taken away.
    kernel.pivot_root(".", ".")
    kernel.detach(".")
    os.chdir("/tmp")


def stage(sources: Sources) -> None:
    """Mount copied sources where another uid can reach them (below /tmp), in a mount namespace of its own."""
    os.umask(0o022)
    kernel.mount("tmpfs", STAGING, "tmpfs", _SAFE, _ROOT_OPTIONS)
    for bind, source in sources:
        _make_place(bind.target, stat.S_ISDIR(os.fstat(source).st_mode))
        _attach(bind, source, bind.target, moved=True)


def _in_tmp(bind: Bind) -> bool:
    """Whether a bind lies in the box's own /tmp: a platform that is kept below /tmp (a test's) has its runtime there,
    and the path is to stay the same."""
    return bind.target.startswith("/tmp/")


def _make_place(target: str, is_folder: bool) -> None:
    """Something to mount on."""
    if is_folder:
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o444))


def _attach(bind: Bind, source: int, target: str, *, moved: bool) -> None:
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
