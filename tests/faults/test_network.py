"""Reaching anything over a socket (SANDBOX 0.9, 2.3)."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from mcp_runtime.sandbox.client import RunnerClient
from tests.faults.laboratory import Laboratory, call


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))
        server.listen()
        yield server


async def test_no_tcp_connection_leaves(lab: Laboratory, client: RunnerClient, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    targets = [
        ["127.0.0.1", port],
        [socket.gethostbyname(socket.gethostname()), port],
        ["169.254.169.254", 80],
        ["::1", port],
    ]

    escapes = await call(client, lab.server("network"), "connect", targets=targets)

    assert escapes == []


async def test_no_datagram_arrives(lab: Laboratory, client: RunnerClient) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)

        await call(client, lab.server("network"), "datagram", host="127.0.0.1", port=receiver.getsockname()[1])

        with pytest.raises(BlockingIOError):
            receiver.recv(16)


async def test_no_unix_socket_of_the_host_answers(lab: Laboratory, client: RunnerClient) -> None:
    with socket.socket(socket.AF_UNIX) as abstract, socket.socket(socket.AF_UNIX) as named:
        abstract.bind("\0stoa-canary")
        abstract.listen()
        named.bind(str(lab.home / "canary.sock"))
        named.listen()
        (lab.home / "canary.sock").chmod(0o777)
        paths = [
            "@stoa-canary",
            str(lab.home / "canary.sock"),
            str(lab.socket),
            "/var/run/docker.sock",
            "/run/dbus/system_bus_socket",
        ]

        escapes = await call(client, lab.server("network"), "unix_sockets", paths=paths)

        (lab.home / "canary.sock").unlink()
    assert escapes == []


async def test_unusual_kinds_of_socket_do_not_exist(lab: Laboratory, client: RunnerClient) -> None:
    escapes = await call(client, lab.server("network"), "families")

    assert escapes == []


async def test_no_name_is_resolved(lab: Laboratory, client: RunnerClient) -> None:
    escapes = await call(client, lab.server("network"), "resolve", name="example.com")

    assert escapes == []
