"""The seccomp profile that containers get, from the same table as the boxes' own filter (SANDBOX 1).

It also lets an unprivileged platform inside a container make boxes of namespaces: it allows what Docker's own profile
refuses, and no capability. `python -m mcp_runtime.sandbox.launchers.container_profile > profile.json` writes it down.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from mcp_runtime.sandbox.guest.seccomp import ALLOWED

_BY_ARGUMENT: Final = frozenset(
    {"clone", "execve", "execveat", "fork", "ioctl", "prctl", "socket", "socketpair", "vfork"}
)
_NESTING: Final = frozenset({"mount", "mount_setattr", "pivot_root", "sethostname", "setns", "umount2", "unshare"})
"""What making a box of namespaces takes; each is refused again inside the box."""
_CHANGING_IDENTITY: Final = frozenset(
    {
        "capset", "chown", "chroot", "fchown", "fchownat", "lchown", "setfsgid", "setfsuid", "setgid", "setgroups",
        "setregid", "setresgid", "setresuid", "setreuid", "setuid",
    }
)  # fmt: skip
"""What the engine itself and ordinary programs use; without capabilities they change nothing."""
_FALL_BACK: Final = frozenset({"clone3", "io_uring_enter", "io_uring_register", "io_uring_setup", "memfd_create"})
"""Answered with ENOSYS, so that libraries use the older call."""
_EPERM: Final = 1
_ENOSYS: Final = 38


def profile() -> dict[str, Any]:
    """In the form that docker, podman and Kubernetes read."""
    allowed = sorted(ALLOWED | _BY_ARGUMENT | _NESTING | _CHANGING_IDENTITY)
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": _EPERM,
        # Without the sub-architectures libseccomp kills single threads that make foreign calls, and calls hang.
        "archMap": [
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []},
        ],
        "syscalls": [
            {"names": allowed, "action": "SCMP_ACT_ALLOW"},
            {"names": sorted(_FALL_BACK), "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS},
        ],
    }


if __name__ == "__main__":
    json.dump(profile(), sys.stdout, indent=2)
