"""How a freshly forked process becomes a box, in the order that SANDBOX 2.2 gives and for its reasons.

`make_namespaces`, `make_plain` and `run_wrapper` run in the child of a zygote. `close` is the last step of every box,
whoever made it: limits, Landlock, seccomp. After it nothing but the host can widen what the process may do.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import struct
from typing import Final

from mcp_runtime.sandbox.guest import kernel, landlock, limits, mounts, seccomp, syscalls
from mcp_runtime.sandbox.guest.box import HOSTNAME, INNER_ID, Inside, Namespaces, Order, Wrapper

RPC: Final = 3
"""The host's socket in every box."""
LAUNCH_FILTER: Final = 9
ALIVE: Final = 8
"""Open as long as anything in a wrapper's box lives."""
_STANDARD: Final = ("stdin", "stdout", "stderr")
_HIGH: Final = 64
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 1

_NAMESPACES: Final = (
    kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWNS
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWCGROUP
)
"""The pid namespace is there already: the zygote made it before it forked."""

Descriptors = dict[str, list[int]]


class StepError(Exception):
    """A step of making the box failed."""

    def __init__(self, step: str, error: Exception) -> None:
        super().__init__(f"{step}: {error}")
        self.step = step
        self.reason = str(error)


class Steps(contextlib.AbstractContextManager["Steps"]):
    """Remembers what is being done, so that a failure can name it."""

    def __init__(self) -> None:
        self._doing = "start"

    def at(self, step: str) -> None:
        self._doing = step

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):
            raise StepError(self._doing, error) from error


def make_namespaces(order: Order, box: Namespaces, template: str, fds: Descriptors) -> None:
    """Everything from the fork to a closed root without capabilities. Raises StepError."""
    with Steps() as steps:
        steps.at("join the cgroup")
        _join(fds)
        copy: str | int = template
        sources: mounts.Sources = []
        if box.privileged:
            steps.at("copy the mounts of the box's files")
            copy = kernel.open_tree(template)
            sources = mounts.copy_sources(box.own)
        steps.at("give up the host's uid")
        _become(order.uid)
        steps.at("make user, mount, network, IPC, UTS and cgroup namespaces")
        uid, gid = os.getuid(), os.getgid()
        kernel.unshare(_NAMESPACES)
        map_ids(uid, gid, INNER_ID)
        if not box.privileged:
            steps.at("open the box's files")
            sources = mounts.open_sources(box.own)
        steps.at("build the box's root")
        mounts.build(order.inside.limits, copy, sources)
        socket.sethostname(HOSTNAME)
        if box.network:
            steps.at("bring the loopback interface up")
            _loopback_up()
        steps.at("drop every capability")
        kernel.drop_capabilities()
        kernel.no_new_privileges()
        steps.at("arrange the box's descriptors")
        _arrange(fds)


def make_plain(order: Order, fds: Descriptors) -> None:
    """A process of its own uid, without namespaces, that dies with its parent. Raises StepError."""
    with Steps() as steps:
        steps.at("join the cgroup")
        _join(fds)
        steps.at("give up the host's uid")
        parent = os.getppid()
        _become(order.uid)
        # After the change of uid, which would clear it.
        die_with(parent)
        if not order.inside.walls.none:
            steps.at("drop every capability")
            kernel.drop_capabilities()
            kernel.no_new_privileges()
        os.umask(0o077)
        os.chdir("/")
        steps.at("arrange the box's descriptors")
        _arrange(fds)


def run_wrapper(order: Order, wrapper: Wrapper, fds: Descriptors) -> None:
    """Become the program that makes the box. Does not return. Raises StepError."""
    with Steps() as steps:
        steps.at("join the cgroup")
        _join(fds)
        if wrapper.staged:
            steps.at("lay out the files that the box's uid cannot reach")
            sources = mounts.copy_sources(wrapper.staged)
            kernel.unshare(kernel.CLONE_NEWNS)
            kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
            mounts.stage(sources)
        steps.at("give up the host's uid")
        parent = os.getppid()
        _become(order.uid)
        die_with(parent)
        os.chdir("/")
        steps.at("arrange the box's descriptors")
        policy = seccomp.Policy(stage="launch", subprocess=order.inside.walls.subprocess)
        launch_filter = _file(seccomp.program(policy, syscalls.machine())) if wrapper.launch_filter else None
        _arrange(fds, launch_filter)
        steps.at(f"run {wrapper.argv[0]}")
        os.execve(wrapper.argv[0], list(wrapper.argv), {"PATH": "/usr/bin:/bin"})  # noqa: S606  # no shell is the point


def close(inside: Inside) -> None:
    """Close the box for good, from inside, before anything of the tenant's is read. Raises StepError."""
    with Steps() as steps:
        steps.at("set the resource limits")
        limits.apply(
            inside.limits,
            memory_is_bounded=inside.memory_is_bounded,
            threads=inside.threads,
            foreign=inside.walls.subprocess,
        )
        limits.thin_threads()
        walls = inside.walls
        if walls.none:
            return
        kernel.no_new_privileges()
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        if version := min(walls.landlock, landlock.abi()):
            steps.at("restrict with Landlock")
            rules = landlock.Rules(walls.read, walls.execute, walls.write, walls.list_only, walls.ports)
            landlock.restrict(rules, version)
        steps.at("install the seccomp filter")
        policy = seccomp.Policy(subprocess=walls.subprocess, namespaces=walls.namespaces)
        seccomp.install(seccomp.program(policy, syscalls.machine()))


def map_ids(uid: int, gid: int, inner: int | None = None) -> None:
    """Make `uid` and `gid` of the outer user namespace known in the new one, as `inner` or as themselves."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid if inner is None else inner} {uid} 1"),
        ("gid_map", f"{gid if inner is None else inner} {gid} 1"),
    ):
        _write(f"/proc/self/{name}", text.encode())


def die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent` ends."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # The parent went before the kernel was told.


def _write(path: str, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, content)
    finally:
        os.close(fd)


def _join(fds: Descriptors) -> None:
    for procs in fds.get("cgroup", []):
        os.write(procs, b"0")


def _become(uid: int | None) -> None:
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    with contextlib.suppress(OSError):
        # When the host itself runs out of memory, boxes go before the platform.
        _write("/proc/self/oom_score_adj", b"1000")
    # Without this /proc/self/uid_map would be root's after the change of uid.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)


def _arrange(fds: Descriptors, launch_filter: int | None = None) -> None:
    """Descriptors 0, 1, 2 and 3 as the box knows them, 8 and 9 for a wrapper, and no other."""
    wanted = {number: fds[name][0] for number, name in enumerate(_STANDARD) if fds.get(name)}
    for number in range(3):
        if number not in wanted:
            wanted[number] = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    wanted[RPC] = fds["rpc"][0]
    if fds.get("alive"):
        wanted[ALIVE] = fds["alive"][0]
    if launch_filter is not None:
        wanted[LAUNCH_FILTER] = launch_filter
    # Out of the way first: a source may stand where another target is to go.
    moved = {target: fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, _HIGH) for target, source in wanted.items()}
    for target, source in moved.items():
        os.dup2(source, target)
    last = 2
    for target in sorted(moved):
        if target > last + 1:
            os.closerange(last + 1, target)
        last = max(last, target)
    os.closerange(last + 1, os.sysconf("SC_OPEN_MAX"))
    with contextlib.suppress(PermissionError):
        os.setsid()


def _file(content: bytes) -> int:
    """A pipe's read end with `content`, which fits the pipe's buffer."""
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))
