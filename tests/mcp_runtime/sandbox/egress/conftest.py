"""A real proxy process, and something for it to reach."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mcp_runtime.sandbox.egress import EgressProxy
from mcp_runtime.sandbox.egress.settings import Refusal


@dataclass
class Upstream:
    """A server on this host that sends back what it gets."""

    port: int = 0
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.port = server.sockets[0].getsockname()[1]
    yield upstream
    for writer in upstream.writers:
        writer.close()
    server.close()
    await server.wait_closed()


@pytest.fixture
def refusals() -> list[Refusal]:
    return []


@pytest.fixture
async def proxy(tmp_path: Path, refusals: list[Refusal]) -> AsyncIterator[EgressProxy]:
    proxy = EgressProxy(tmp_path / "egress", on_refusal=refusals.append)
    await proxy.start()
    yield proxy
    await proxy.aclose()


class Client:
    """A worker's side of its socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def rest(self) -> bytes:
        """All that still comes; a reset is an end like any other."""
        data = bytearray()
        try:
            while more := await self.reader.read(65_536):
                data += more
        except ConnectionError:
            pass
        return bytes(data)

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


async def connected(path: Path) -> Client:
    return Client(*await asyncio.open_unix_connection(str(path)))


async def answer_to(path: Path, request: bytes) -> bytes:
    """The whole answer to one request, on a connection of its own."""
    client = await connected(path)
    try:
        await client.send(request)
        client.writer.write_eof()
        return await client.rest()
    finally:
        await client.close()


async def tunnel(path: Path, target: str) -> Client:
    """A connection through the proxy."""
    client = await connected(path)
    await client.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    assert (await client.head()).startswith(b"HTTP/1.1 200 ")
    return client
