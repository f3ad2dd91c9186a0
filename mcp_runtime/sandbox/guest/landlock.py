"""Landlock: a process's own, irrevocable list of what it may touch (SANDBOX 2.4; kernel docs userspace-api/landlock).

In a box with namespaces it is depth; in a box without them it is the wall.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from typing import Final

from mcp_runtime.sandbox.guest import kernel

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
_MAKE_CHAR: Final = 1 << 6
_MAKE_BLOCK: Final = 1 << 11
_TRUNCATE: Final = 1 << 14
_IOCTL_DEV: Final = 1 << 15
_FILE_RIGHTS: Final = EXECUTE | WRITE_FILE | READ_FILE | _TRUNCATE | _IOCTL_DEV
"""What a rule on something that is not a folder may grant."""

READ: Final = READ_FILE | READ_DIR
READ_EXECUTE: Final = READ | EXECUTE
_BIND_TCP: Final = 1
_CONNECT_TCP: Final = 2
_SCOPE_ABSTRACT_UNIX: Final = 1
_SCOPE_SIGNAL: Final = 2

_CREATE_VERSION: Final = 1
_RULE_PATH: Final = 1
_RULE_PORT: Final = 2


def abi() -> int:
    """The newest Landlock this kernel speaks; 0 when it has none or has it switched off."""
    try:
        return kernel.call("landlock_create_ruleset", None, 0, _CREATE_VERSION)
    except OSError:
        return 0


def file_rights(version: int) -> int:
    """Every right over files that this ABI knows: all of them are refused unless granted."""
    rights = (1 << 13) - 1
    for since, right in ((2, 1 << 13), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        if version >= since:
            rights |= right
    return rights


@dataclass(frozen=True, slots=True)
class Rules:
    read: tuple[str, ...] = ()
    """Readable, not executable. Paths that do not exist are passed over: they cannot be reached either."""
    execute: tuple[str, ...] = ()
    """Readable, and its programs and libraries may be run and mapped."""
    write: tuple[str, ...] = ()
    """Readable and writable; no programs, no device nodes."""
    list_only: tuple[str, ...] = ()
    """Folders whose names may be listed, at any depth, without reading a file."""
    ports: tuple[int, ...] = ()
    """TCP ports that may be connected to and listened on; none at all otherwise."""


def restrict(rules: Rules, version: int) -> None:
    """Hold this thread and all it starts to `rules`, for good. Needs no_new_privs. `version` comes from `abi()`."""
    handled = file_rights(version)
    writing = handled & ~(EXECUTE | _MAKE_CHAR | _MAKE_BLOCK | _IOCTL_DEV)
    fields = [handled]
    if version >= 4:
        fields.append(_BIND_TCP | _CONNECT_TCP)
    if version >= 6:
        fields.append(_SCOPE_ABSTRACT_UNIX | _SCOPE_SIGNAL)
    attributes = b"".join(field.to_bytes(8, "little") for field in fields)
    ruleset = kernel.call("landlock_create_ruleset", attributes, len(attributes), 0)
    try:
        for paths, rights in (
            (rules.read, READ),
            (rules.execute, READ_EXECUTE),
            (rules.write, writing),
            (rules.list_only, READ_DIR),
        ):
            for path in paths:
                _allow_path(ruleset, path, rights)
        if version >= 4:
            for port in rules.ports:
                both = (_BIND_TCP | _CONNECT_TCP).to_bytes(8, "little")
                kernel.call("landlock_add_rule", ruleset, _RULE_PORT, both + port.to_bytes(8, "little"), 0)
        kernel.call("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)


def _allow_path(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
            return
        raise
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _FILE_RIGHTS
        if rights:
            rule = rights.to_bytes(8, "little") + fd.to_bytes(4, "little")
            kernel.call("landlock_add_rule", ruleset, _RULE_PATH, rule, 0)
    finally:
        os.close(fd)
