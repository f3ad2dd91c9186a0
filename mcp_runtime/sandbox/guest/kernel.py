"""The kernel calls that Python does not offer, through the C library. Each raises OSError naming the call."""

from __future__ import annotations

import contextlib
import ctypes
import os
from typing import Final

from mcp_runtime.sandbox.guest import syscalls

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWCGROUP: Final = 0x02000000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

MS_RDONLY: Final = 0x1
MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_REMOUNT: Final = 0x20
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000
MS_SLAVE: Final = 0x80000

ATTR_RDONLY: Final = 0x1
ATTR_NOSUID: Final = 0x2
ATTR_NODEV: Final = 0x4
ATTR_NOEXEC: Final = 0x8

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_CAPBSET_DROP: Final = 24
PR_SET_SECUREBITS: Final = 28
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_CLEAR_ALL: Final = 4

_AT_FDCWD: Final = -100
_AT_EMPTY_PATH: Final = 0x1000
_AT_RECURSIVE: Final = 0x8000
_OPEN_TREE_CLONE: Final = 1
_MOVE_MOUNT_F_EMPTY_PATH: Final = 0x4
_MNT_DETACH: Final = 2
_SECCOMP_SET_MODE_FILTER: Final = 1
_SECCOMP_TSYNC: Final = 1
_CAPABILITY_VERSION_3: Final = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
_numbers = syscalls.numbers(syscalls.machine())


def call(name: str, *arguments: int | bytes | None) -> int:
    """One system call by name. Integers are passed as longs, bytes as pointers."""
    converted = [ctypes.c_long(item) if isinstance(item, int) else ctypes.c_char_p(item) for item in arguments]
    result = int(_syscall(ctypes.c_long(_numbers[name]), *converted))
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return result


def prctl(option: int, argument: int = 0, second: int = 0) -> int:
    return call("prctl", option, argument, second, 0, 0)


def unshare(flags: int) -> None:
    call("unshare", flags)


def setns(fd: int, kind: int) -> None:
    call("setns", fd, kind)


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    call(
        "mount",
        source.encode() if source is not None else None,
        target.encode(),
        kind.encode() if kind is not None else None,
        flags,
        options.encode() if options is not None else None,
    )


def detach(target: str) -> None:
    """Unmount `target` as soon as nobody uses it."""
    call("umount2", target.encode(), _MNT_DETACH)


def pivot_root(new_root: str, put_old: str) -> None:
    call("pivot_root", new_root.encode(), put_old.encode())


def open_tree(path: str) -> int:
    """A descriptor of a private copy of the mounts at `path`. Needs CAP_SYS_ADMIN over this mount namespace."""
    flags = _OPEN_TREE_CLONE | _AT_RECURSIVE | os.O_CLOEXEC
    return call("open_tree", _AT_FDCWD, path.encode(), flags)


def move_mount(tree: int, target: str) -> None:
    """Attach what `open_tree` copied."""
    call("move_mount", tree, b"", _AT_FDCWD, target.encode(), _MOVE_MOUNT_F_EMPTY_PATH)


def mount_attributes(path: str, attributes: int, *, fd: int | None = None, recursive: bool = True) -> None:
    """Add mount attributes (ATTR_*) at `path`, or to the tree behind `fd`, and to what is mounted below it."""

    class Attributes(ctypes.Structure):
        _fields_ = (
            ("set", ctypes.c_uint64),
            ("clear", ctypes.c_uint64),
            ("propagation", ctypes.c_uint64),
            ("userns", ctypes.c_uint64),
        )

    value = bytes(Attributes(attributes, 0, 0, 0))
    flags = _AT_RECURSIVE if recursive else 0
    if fd is None:
        call("mount_setattr", _AT_FDCWD, path.encode(), flags, value, len(value))
    else:
        call("mount_setattr", fd, b"", flags | _AT_EMPTY_PATH, value, len(value))


def drop_capabilities() -> None:
    """Give up every capability for good: bounding and ambient set first, then this process's own."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            break  # EINVAL: the first number this kernel does not know. (EPERM: nothing to drop with.)
    with contextlib.suppress(OSError):  # Kernels before 4.3 have no ambient set.
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = ctypes.create_string_buffer(_CAPABILITY_VERSION_3.to_bytes(4, "little") + bytes(4), 8)
    call("capset", ctypes.addressof(header), bytes(24))


def no_new_privileges() -> None:
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def seccomp_filter(program: int) -> None:
    """Install the filter at address `program` on all threads."""
    call("seccomp", _SECCOMP_SET_MODE_FILTER, _SECCOMP_TSYNC, program)


def malloc_arenas(count: int) -> None:
    """Limit glibc's heaps, which each reserve 64 MB of address space. Other C libraries have no such call."""
    mallopt = getattr(_libc, "mallopt", None)
    if mallopt is not None:
        mallopt(-8, count)  # M_ARENA_MAX
