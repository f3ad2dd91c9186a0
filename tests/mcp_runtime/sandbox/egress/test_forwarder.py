"""The listener in the sandbox: an ordinary HTTP proxy that passes on to the worker's socket."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_runtime.sandbox.egress import EgressProxy
from mcp_runtime.sandbox.guest import egress_forwarder
from tests.mcp_runtime.sandbox.egress.conftest import Client, Upstream

_PROGRAM = """
import sys
from mcp_runtime.sandbox.guest import egress_forwarder
listener = egress_forwarder.listen(0)
print(listener.getsockname()[1], flush=True)
egress_forwarder.serve(listener, sys.argv[1]).join()
"""


class Forwarders:
    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, path: Path) -> int:
        """A forwarder to `path`, in a process of its own; its port."""
        process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(path)], stdout=subprocess.PIPE, text=True)
        self._processes.append(process)
        assert process.stdout is not None
        return int(process.stdout.readline())

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()


@pytest.fixture
def forwarders() -> Iterator[Forwarders]:
    forwarders = Forwarders()
    yield forwarders
    forwarders.stop()


async def test_a_library_that_knows_http_proxies_gets_out(
    proxy: EgressProxy, upstream: Upstream, forwarders: Forwarders
) -> None:
    target = f"localhost:{upstream.port}"
    port = forwarders.start(await proxy.open("w", (), [target]))
    data = os.urandom(2 * 1024 * 1024)

    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    await client.send(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
    head = await client.head()
    sending = asyncio.create_task(client.send(data))
    back = await client.reader.readexactly(len(data))
    await sending
    client.writer.write_eof()

    assert head.startswith(b"HTTP/1.1 200 ")
    assert back == data
    assert await client.rest() == b""
    await client.close()


async def test_many_connections_are_served_at_once(
    proxy: EgressProxy, upstream: Upstream, forwarders: Forwarders
) -> None:
    target = f"localhost:{upstream.port}"
    port = forwarders.start(await proxy.open("w", (), [target]))

    async def echoed(number: int) -> bytes:
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        await client.send(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
        await client.head()
        await client.send(b"%04d" % number * 1_000)
        back = await client.reader.readexactly(4_000)
        await client.close()
        return back

    answers = await asyncio.gather(*(echoed(number) for number in range(30)))

    assert answers == [b"%04d" % number * 1_000 for number in range(30)]


async def test_a_refusal_comes_through(proxy: EgressProxy, forwarders: Forwarders) -> None:
    port = forwarders.start(await proxy.open("w", ()))

    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    await client.send(b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")

    assert (await client.rest()).startswith(b"HTTP/1.1 403 ")
    await client.close()


async def test_a_proxy_that_is_not_there_ends_the_connection_and_not_the_forwarder(
    proxy: EgressProxy, tmp_path: Path, forwarders: Forwarders
) -> None:
    port = forwarders.start(tmp_path / "nothing.sock")

    for _ in range(3):
        client = Client(*await asyncio.open_connection("127.0.0.1", port))

        assert await client.rest() == b""
        await client.close()


def test_libraries_find_it_by_the_usual_variables() -> None:
    environment = egress_forwarder.environment()

    assert environment["HTTPS_PROXY"] == environment["https_proxy"] == "http://127.0.0.1:3128"
    assert "127.0.0.1" in environment["NO_PROXY"]
