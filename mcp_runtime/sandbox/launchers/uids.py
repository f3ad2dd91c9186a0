"""Uids of our own for boxes (SANDBOX 2.2): one per living box, so that no two tenants share one.

A uid is leased by binding an abstract Unix socket of its name: several runners on one host cannot take the same one,
and the kernel ends the lease with the process that holds it.
"""

from __future__ import annotations

import os
import socket

from mcp_runtime.sandbox.launchers.base import LaunchError

FIRST = 200_000
COUNT = 8_192


class UidPool:
    """Uids `FIRST + 1` to `FIRST + COUNT`; 200000 itself stays unused."""

    def __init__(self, first: int = FIRST, count: int = COUNT) -> None:
        self._first = first
        self._count = count
        self._next = 0
        self._leases: dict[int, socket.socket] = {}

    def take(self) -> int:
        """A uid that no living box on this host has. Raises LaunchError when there is none."""
        for _ in range(self._count):
            self._next = self._next % self._count + 1
            uid = self._first + self._next
            if uid not in self._leases and self._lease(uid):
                return uid
        raise LaunchError("uid", f"All {self._count} uids for sandboxes are in use; stop some workers first.")

    def give_back(self, uid: int) -> None:
        """Only when no process has the uid any more."""
        lease = self._leases.pop(uid, None)
        if lease is not None:
            lease.close()

    def close(self) -> None:
        for uid in list(self._leases):
            self.give_back(uid)

    def _lease(self, uid: int) -> bool:
        lease = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            lease.bind(f"\0stoa-sandbox-uid-{uid}")
        except OSError:
            lease.close()
            return False
        self._leases[uid] = lease
        return True


def may_change_uid() -> bool:
    """Whether this process can give its children other uids (CAP_SETUID and CAP_SETGID)."""
    return has_capabilities(6, 7)


def may_mount() -> bool:
    """Whether this process can copy mounts of the host's own namespace (CAP_SYS_ADMIN)."""
    return has_capabilities(21)


def has_capabilities(*numbers: int) -> bool:
    """Whether all of these capabilities are in force for this process."""
    if os.geteuid() != 0:
        return False
    with open("/proc/self/status", encoding="ascii") as status:
        effective = next(int(line.split()[1], 16) for line in status if line.startswith("CapEff:"))
    return all(effective >> number & 1 for number in numbers)
