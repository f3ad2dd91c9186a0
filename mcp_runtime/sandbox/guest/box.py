"""The plain description of one box, as a launcher hands it to the process that becomes the box."""

from __future__ import annotations

from typing import Literal

import msgspec

from mcp_runtime.ports.workers import WorkerLimits

INNER_ID = 65532
"""Uid and gid inside a box with namespaces."""
HOSTNAME = "worker"
EGRESS_SOCKET = "/run/egress.sock"
EGRESS_PORT = 3128
"""Where the guest's forwarder listens; the one TCP port that Landlock leaves open in a box with egress."""

ENVIRONMENT = {"PATH": "/usr/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8"}


class Bind(msgspec.Struct, frozen=True, array_like=True):
    """A file or folder of the host, read-only inside."""

    source: str
    target: str
    device: bool = False
    program: bool = True
    """Whether what is in it may be run or mapped as a library."""


class Link(msgspec.Struct, frozen=True, array_like=True):
    """A symbolic link inside the box."""

    path: str
    to: str


class Walls(msgspec.Struct, frozen=True, kw_only=True):
    """What Landlock grants and seccomp refuses. Paths are those inside the box."""

    execute: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    list_only: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    landlock: int = 0
    """The newest ABI to hold to, when the kernel of the box has it; 0 for none."""
    namespaces: bool = True
    """Whether the box has a tree, a network and processes of its own; else seccomp refuses what touches the host's."""
    subprocess: bool = False
    none: bool = False
    """No walls at all: plain processes in development."""


class Program(msgspec.Struct, frozen=True):
    """What a box runs in place of the Python guest."""

    argv: tuple[str, ...]
    env: dict[str, str]


class Inside(msgspec.Struct, frozen=True, kw_only=True):
    """What the process does once the box stands around it, however the box was made."""

    runtime: str
    walls: Walls
    limits: WorkerLimits
    memory_is_bounded: bool
    threads: int | None = None
    app: str | None = None
    dependencies: str | None = None
    program: Program | None = None
    connect: str | None = None
    """A Unix socket of the host's to connect to, where none can be inherited on descriptor 3."""


class Namespaces(msgspec.Struct, frozen=True, kw_only=True):
    """How to make a box of namespaces around the process."""

    shared: tuple[Bind, ...]
    """What all boxes of the zygote have: it is put together once."""
    own: tuple[Bind, ...]
    links: tuple[Link, ...]
    hidden: tuple[str, ...]
    """Folders inside the shared ones that must look empty."""
    network: bool
    """Bring the loopback interface up, for the egress forwarder."""
    privileged: bool
    """Copy the mounts before the uid is given up: other uids may not be able to reach them."""


class Wrapper(msgspec.Struct, frozen=True, kw_only=True):
    """A program that makes the box (bubblewrap), and what must be laid out for it first."""

    argv: tuple[str, ...]
    staged: tuple[Bind, ...] = ()
    """Sources that the box's uid cannot reach, to be mounted at paths that it can."""
    launch_filter: bool = False
    """Hand the launch filter to the wrapper on descriptor 9 (SANDBOX 2.1)."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Make one box. The descriptors that come with an order are named, in their order, by `fds`."""

    id: int
    fds: tuple[Literal["rpc", "alive", "cgroup", "stdin", "stdout", "stderr"], ...]
    inside: Inside
    uid: int | None = None
    namespaces: Namespaces | None = None
    wrapper: Wrapper | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a zygote tells its host: it is ready (id 0), a child has begun (a pidfd comes with it), or has ended."""

    id: int
    status: int | None = None
    """The wait status of the child."""
    error: str | None = None


class Zygote(msgspec.Struct, frozen=True, kw_only=True):
    """How a zygote is to set itself up."""

    host: int
    """The host's pid, as the zygote's parent."""
    control: int
    """The descriptor of the control socket."""
    isolation: Literal["root", "user", "none"]
    """Namespaces of its own: made as root, made through a user namespace, or none."""
    preload: bool
    """Import the runtime, so that the children have it."""
