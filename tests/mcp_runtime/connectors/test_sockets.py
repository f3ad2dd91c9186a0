"""Connections to upstreams: what is written goes out together, and nothing waits without a bound."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpcore2
import pytest

from mcp_runtime.connectors import outbound
from mcp_runtime.connectors.outbound import guarded_client
from mcp_runtime.connectors.sockets import AHEAD_BYTES, TOGETHER_BYTES, SocketStream, connected
from mcp_runtime.transports.asgi import Receive, Scope, Send, answer
from tests.contract.hosts import Hosts

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
WITHIN = 30.0


@contextlib.asynccontextmanager
async def upstream(talk: Talk) -> AsyncIterator[SocketStream]:
    """A connection to a server that does what `talk` does."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await talk(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        served.set()

    served = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        stream = await connected("127.0.0.1", server.sockets[0].getsockname()[1], WITHIN, None)
        try:
            yield stream
        finally:
            await stream.aclose()
            await asyncio.wait_for(served.wait(), WITHIN)


async def test_head_and_body_go_out_together_when_the_answer_is_awaited() -> None:
    read: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        read.append(await reader.read(1_000))
        writer.write(b"answer")

    async with upstream(talk) as stream:
        await stream.write(b"head ")
        await stream.write(b"body")

        assert await stream.read(1_000, WITHIN) == b"answer"

    assert read == [b"head body"]


async def test_a_large_body_goes_out_before_the_answer_is_awaited() -> None:
    arrived = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(TOGETHER_BYTES)
        arrived.set()

    async with upstream(talk) as stream:
        await stream.write(b"a" * TOGETHER_BYTES)

        await asyncio.wait_for(arrived.wait(), WITHIN)


async def test_a_body_that_nobody_takes_is_given_up() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await let.wait()

    async def write() -> None:
        for _ in range(10_000):
            await stream.write(b"a" * TOGETHER_BYTES, 0.05)

    let = asyncio.Event()
    async with upstream(talk) as stream:
        with pytest.raises(httpcore2.WriteTimeout):
            await write()
        let.set()


async def test_an_answer_that_does_not_come_is_given_up() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with upstream(talk) as stream:
        with pytest.raises(httpcore2.ReadTimeout):
            await stream.read(1_000, 0.05)


async def test_what_came_before_the_end_is_read_though_writing_fails() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"413")

    async with upstream(talk) as stream:
        assert await stream.read(3, WITHIN) == b"413"
        assert await stream.read(3, WITHIN) == b""
        assert stream.get_extra_info("is_readable")


async def test_an_idle_connection_is_readable_only_when_something_came() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write(b"pong")
        await reader.read()

    async with upstream(talk) as stream:
        assert not stream.get_extra_info("is_readable")
        await stream.write(b"ping")
        assert await stream.read(2, WITHIN) == b"po"
        assert stream.get_extra_info("is_readable")
        assert await stream.read(2, WITHIN) == b"ng"
        assert not stream.get_extra_info("is_readable")


async def test_an_upstream_that_says_too_much_waits_until_it_is_read() -> None:
    total = 64 * AHEAD_BYTES
    held = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"a" * total)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.2)
        held.set()
        await writer.drain()

    async with upstream(talk) as stream:
        await asyncio.wait_for(held.wait(), WITHIN)
        assert len(stream._wire.received) < 4 * AHEAD_BYTES
        read = 0
        while chunk := await stream.read(65_536, WITHIN):
            read += len(chunk)

    assert read == total


async def test_where_nobody_listens_there_is_no_connection() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()

    with pytest.raises(httpcore2.ConnectError):
        await connected("127.0.0.1", port, WITHIN, None)


async def test_over_tls_the_name_has_to_be_the_one_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send, 200, b"a" * 1_000_000, ())

    hosts = Hosts(tmp_path, monkeypatch)
    async with hosts.serving("far.test", app):
        monkeypatch.setattr(outbound, "_tls", hosts.trusting)
        async with guarded_client() as client:
            found = await client.get("https://far.test/")
        stream = await connected(await _address_of("far.test"), 443, WITHIN, None)
        with pytest.raises(httpcore2.ConnectError, match="certificate"):
            await stream.start_tls(hosts.trusting(), "near.test", WITHIN)

    assert len(found.content) == 1_000_000


async def _address_of(name: str) -> str:
    found = await asyncio.get_running_loop().getaddrinfo(name, 443)
    return str(found[0][4][0])
