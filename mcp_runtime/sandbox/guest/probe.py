"""A handful of real attacks from inside a blank box, for the launcher's self-test (SANDBOX 0.7).

Each says how it went: None when the box held, otherwise what it could do. What only an absent feature of the machine
prevented counts as held: the launcher is judged on this host, not on another.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import resource
import signal
import socket
from collections.abc import Callable
from typing import Any, Final, NoReturn

from mcp_runtime.sandbox.guest import frames, kernel

_PLANTED: Final = "STOA_PROBE_CANARY"
_AF_NETLINK: Final = 16
_AF_PACKET: Final = 17
_AF_ALG: Final = 38
_AF_VSOCK: Final = 40
_PTRACE_SEIZE: Final = 0x4206
_MIB: Final = 1024 * 1024


def run(sock: socket.socket, targets: dict[str, Any]) -> NoReturn:
    """Attack `targets` (canary, pid, port, abstract, limits), answer READY with {guarantee: [what was possible]}."""
    found: dict[str, list[str]] = {}
    attacks = Attacks(targets)
    for guarantee, attack in _ATTACKS:
        try:
            escape = attack(attacks)
        except OSError as error:
            escape = None if error.errno in _HELD else f"{attack.__name__.strip('_')}: {error}"
        except MemoryError:
            escape = None
        found.setdefault(guarantee, [])
        if escape is not None:
            found[guarantee].append(escape)
    sock.sendall(frames.encode(frames.Kind.READY, 0, "", found))
    # Stay, so that the launcher can see that it can end us.
    while sock.recv(1):
        pass
    os._exit(0)


_HELD: Final = frozenset(
    {
        errno.EPERM, errno.EACCES, errno.ENOENT, errno.ENOSYS, errno.ESRCH, errno.EROFS, errno.ENOTDIR,
        errno.ECONNREFUSED, errno.ENETUNREACH, errno.EAFNOSUPPORT, errno.EBADF, errno.ENOMEM, errno.EAGAIN,
        errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.EINVAL, errno.EFAULT, errno.ESOCKTNOSUPPORT,
        errno.EPROTONOSUPPORT, errno.EADDRNOTAVAIL, errno.ENODEV,
    }
)  # fmt: skip
"""What a box answers with when it holds."""


class Attacks:
    """Each returns None when the box held, else what it could do; OSError and MemoryError are the box holding."""

    def __init__(self, targets: dict[str, Any]) -> None:
        self.targets = targets
        self.canary = str(targets["canary"])
        self.pid = int(targets["pid"])
        self.port = int(targets["port"])

    def host_file(self) -> str | None:
        with open(self.canary, "rb") as file:
            return f"read {self.canary}: {file.read(40)!r}"

    def host_password_file(self) -> str | None:
        with open("/etc/passwd", "rb") as file:
            return f"read /etc/passwd: {file.readline(40)!r}"

    def host_folders(self) -> str | None:
        return next((f"listed {folder}" for folder in ("/root", "/home", "/var") if _lists(folder)), None)

    def host_environment(self) -> str | None:
        with open(f"/proc/{self.pid}/environ", "rb") as file:
            return f"read {len(file.read())} bytes of the host's environment"

    def own_environment(self) -> str | None:
        return f"{_PLANTED} is in the environment" if _PLANTED in os.environ else None

    def descriptors(self) -> str | None:
        extra = [fd for fd in range(4, resource.getrlimit(resource.RLIMIT_NOFILE)[0]) if _is_open(fd)]
        return f"descriptors {extra} were left open" if extra else None

    def tcp(self) -> str | None:
        with socket.socket(socket.AF_INET) as sock:
            sock.settimeout(2)
            sock.connect(("127.0.0.1", self.port))
        return f"connected to 127.0.0.1:{self.port}"

    def abstract_socket(self) -> str | None:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect("\0" + self.targets["abstract"])
        return "connected to an abstract socket of the host"

    def strange_sockets(self) -> str | None:
        for family in (_AF_VSOCK, _AF_NETLINK, _AF_PACKET, _AF_ALG):
            try:
                socket.socket(family, socket.SOCK_DGRAM).close()
            except OSError:
                continue
            return f"made a socket of family {family}"
        return None

    def raw_socket(self) -> str | None:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
        return "made a raw socket"

    def signal_outside(self) -> str | None:
        if self.pid == os.getpid():
            return None
        os.kill(self.pid, 0)
        return f"may send signals to the host's process {self.pid}"

    def trace(self) -> str | None:
        kernel.call("ptrace", _PTRACE_SEIZE, self.pid, 0, 0)
        return f"traces the host's process {self.pid}"

    def fork(self) -> str | None:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        return "forked"

    def execute(self) -> str | None:
        child = os.posix_spawn("/bin/true", ["true"], {})
        os.waitpid(child, 0)
        return "ran a program"

    def memory(self) -> str | None:
        mmap.mmap(-1, 64 * 1024 * _MIB).close()
        return "mapped 64 GiB"

    def hidden_memory(self) -> str | None:
        os.close(os.memfd_create("probe"))
        return "made a memory file, which no limit counts"

    def root_is_writable(self) -> str | None:
        for folder in ("/", "/app", "/usr", self.targets["runtime"], "/dev", "/run", "/var/tmp", "/dev/shm"):
            path = os.path.join(folder, "stoa-probe")
            try:
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            except OSError:
                continue
            os.unlink(path)
            return f"wrote to {folder}"
        return None

    def tmp_bytes(self) -> str | None:
        size = os.statvfs("/tmp")
        held = size.f_blocks * size.f_frsize // _MIB
        wanted = int(self.targets["tmp_mb"])
        return f"/tmp holds {held} MiB, {wanted} were asked for" if held > wanted and _writes("/tmp") else None

    def tmp_inodes(self) -> str | None:
        held, wanted = os.statvfs("/tmp").f_files, int(self.targets["tmp_inodes"])
        return f"/tmp holds {held} files, {wanted} were asked for" if held > wanted and _writes("/tmp") else None

    def dangerous_calls(self) -> str | None:
        return next((f"{name} is allowed" for name, arguments in _DANGEROUS if _works(name, arguments)), None)

    def outlive(self) -> str | None:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, 0)
        return "cleared the signal that ends it with its host"

    def ignore(self) -> str | None:
        # For the launcher's kill to have something to overcome.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        return None


_ATTACKS: Final[tuple[tuple[str, Callable[[Attacks], str | None]], ...]] = (
    ("files", Attacks.host_file), ("files", Attacks.host_password_file), ("files", Attacks.host_folders),
    ("secrets", Attacks.host_environment), ("secrets", Attacks.own_environment), ("secrets", Attacks.descriptors),
    ("network", Attacks.tcp), ("network", Attacks.abstract_socket),
    ("network", Attacks.strange_sockets), ("network", Attacks.raw_socket),
    ("signals", Attacks.signal_outside), ("signals", Attacks.trace),
    ("processes", Attacks.fork), ("processes", Attacks.execute),
    ("memory", Attacks.memory), ("memory", Attacks.hidden_memory),
    ("disk", Attacks.root_is_writable), ("disk", Attacks.tmp_bytes), ("inodes", Attacks.tmp_inodes),
    ("syscalls", Attacks.dangerous_calls), ("dies_with_host", Attacks.outlive), ("killable", Attacks.ignore),
)  # fmt: skip


_DANGEROUS: Final[tuple[tuple[str, tuple[int | bytes | None, ...]], ...]] = (
    ("mount", (None, None, None, 0, None)),
    ("unshare", (kernel.CLONE_NEWUSER,)),
    ("setns", (3, 0)),
    ("bpf", (0, None, 0)),
    ("perf_event_open", (None, 0, -1, -1, 0)),
    ("keyctl", (0, -3, 0)),
    ("io_uring_setup", (1, bytes(120))),
    ("userfaultfd", (1,)),
    ("add_key", (None, None, None, 0, -3)),
    ("process_vm_readv", (1, None, 0, None, 0, 0)),
    ("open_by_handle_at", (-1, None, 0)),
    ("chroot", (None,)),
    ("personality", (0xFFFFFFFF,)),
)


def _works(name: str, arguments: tuple[int | bytes | None, ...]) -> bool:
    """Whether the filter lets the call through to where its arguments are looked at."""
    try:
        result = kernel.call(name, *arguments)
    except OSError as error:
        return error.errno not in (errno.EPERM, errno.ENOSYS, errno.EACCES)
    if name in ("bpf", "perf_event_open", "io_uring_setup", "userfaultfd") and result > 2:
        os.close(result)
    return True


def _lists(folder: str) -> bool:
    try:
        return bool(os.listdir(folder))
    except OSError:
        return False


def _writes(folder: str) -> bool:
    path = os.path.join(folder, "stoa-probe")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError:
        return False
    os.unlink(path)
    return True


def _is_open(fd: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_GETFD)
    except OSError:
        return False
    return True
