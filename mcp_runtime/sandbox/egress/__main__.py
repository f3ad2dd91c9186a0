"""The proxy process: `python -m mcp_runtime.sandbox.egress <descriptor of its control socket>`.

It gets listening sockets from the runner and needs no file of the platform's, so it gives up what it can: an own uid
when it is root, no way to new privileges. It ends when the runner does: its control socket ends.
"""

from __future__ import annotations

import asyncio
import ctypes
import encodings.idna  # noqa: F401  # loaded now: after the uid is dropped the standard library may be unreadable
import os
import resource
import signal
import socket
import sys
from contextlib import suppress

import msgspec

from mcp_runtime.sandbox.egress.server import EgressServer
from mcp_runtime.sandbox.egress.settings import MAX_MESSAGE, Close, Closed, FromProxy, Open, ToProxy

EGRESS_UID = 199_999
"""Just below the uids of workers, and nobody else's."""
DESCRIPTORS_PER_CONNECTION = 2
SPARE_DESCRIPTORS = 512
"""For the workers' listening sockets and look-ups."""
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    descriptors = _raise_descriptor_limit()
    _warm_up()
    _give_up_privileges()
    asyncio.run(_run(control, (descriptors - SPARE_DESCRIPTORS) // DESCRIPTORS_PER_CONNECTION))


async def _run(control: socket.socket, connections: int) -> None:
    decoder = msgspec.json.Decoder(ToProxy)
    control.setblocking(False)

    def tell(message: FromProxy) -> None:
        with suppress(OSError):  # the runner does not read just now or is gone: a report is lost, nothing else
            control.send(msgspec.json.encode(message))

    server = EgressServer(tell, connections=connections)
    while True:
        try:
            data, descriptors, _, _ = socket.recv_fds(control, MAX_MESSAGE, 1)
        except BlockingIOError:
            await _readable(control)
            continue
        if not data:
            break
        match decoder.decode(data):
            case Open(worker=name, hosts=hosts, trusted=trusted, limits=limits):
                await server.open(name, socket.socket(fileno=descriptors[0]), hosts, trusted, limits)
            case Close(worker=name):
                tell(Closed(name, await server.close(name)))
    await server.aclose()


async def _readable(control: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(control, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(control)


def _raise_descriptor_limit() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65_536) if hard != resource.RLIM_INFINITY else 65_536
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return max(soft, wanted)


def _warm_up() -> None:
    """Load what a look-up loads (the resolver's libraries, `idna`) while every file can still be read."""
    "localhost".encode("idna")
    with suppress(OSError):  # a host without a name for itself: the libraries are loaded all the same
        socket.getaddrinfo("localhost", None)


def _give_up_privileges() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(EGRESS_UID, EGRESS_UID, EGRESS_UID)
        os.setresuid(EGRESS_UID, EGRESS_UID, EGRESS_UID)
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_NO_NEW_PRIVS, 1), (_PR_SET_PDEATHSIG, signal.SIGKILL)):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl({option}) was refused to the egress proxy")


if __name__ == "__main__":
    main()
