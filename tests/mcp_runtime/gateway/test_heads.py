"""Over real sockets: a client that sends its headers slowly, or without end, keeps neither a connection nor memory."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import uvicorn

from mcp_runtime.gateway.heads import MAX_HEAD_BYTES, BoundedHeads

WITHIN = 60.0
REQUEST = b"GET / HTTP/1.1\r\nhost: stoa.test\r\n\r\n"


class Hasty(BoundedHeads):
    """In a hurry from when a test says so: before, a slow machine shall not be taken for a slow client."""


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hasty, "head_seconds", 0.2)


class App:
    """Answers at once, but at /held when it is let, and at /early before the body is there."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.held = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/held":
            self.held.set()
            await self.let.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"done"})


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
async def hasty(app: App) -> AsyncIterator[int]:
    async with _listening(app, Hasty) as port:
        yield port


@pytest.fixture
async def patient(app: App) -> AsyncIterator[int]:
    async with _listening(app, BoundedHeads) as port:
        yield port


async def test_headers_a_byte_at_a_time_are_answered_with_408(hasty: int, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    async with _connected(hasty) as (reader, writer):
        answer = await _dribbled(reader, writer, b"GET / HTTP/1.1\r\nx-padding: " + b"a" * 10_000)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer


async def test_a_connection_that_says_nothing_is_closed(hasty: int, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    async with _connected(hasty) as (reader, _):
        assert await asyncio.wait_for(reader.read(), WITHIN) == b""


async def test_a_kept_connection_is_not_held_open_by_empty_lines(hasty: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async with _connected(hasty) as (reader, writer):
        writer.write(REQUEST)
        await _answer(reader)
        hurry(monkeypatch)

        assert await _dribbled(reader, writer, b"\r\n" * 5_000) == b""


async def test_a_kept_connection_is_not_held_open_by_a_body_that_was_answered(
    hasty: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _connected(hasty) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: stoa.test\r\ncontent-length: 10000\r\n\r\n")
        await _answer(reader)
        hurry(monkeypatch)

        assert await _dribbled(reader, writer, b"a" * 9_000) == b""


async def test_the_next_request_of_a_kept_connection_has_the_same_time(
    hasty: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _connected(hasty) as (reader, writer):
        writer.write(REQUEST)
        first = await _answer(reader)
        hurry(monkeypatch)
        second = await _dribbled(reader, writer, b"GET / HTTP/1.1\r\nx-padding: " + b"a" * 10_000)

    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 408 ")


async def test_a_head_that_began_while_an_answer_was_awaited_has_its_time_from_that_answer(
    hasty: int, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _connected(hasty) as (reader, writer):
        writer.write(REQUEST)
        await _answer(reader)
        with monkeypatch.context() as meanwhile:
            hurry(meanwhile)
            writer.write(REQUEST.replace(b"/ ", b"/held ", 1) + b"GET / HT")
            await asyncio.wait_for(app.held.wait(), WITHIN)
            with contextlib.suppress(TimeoutError):  # longer than a head may take
                await asyncio.wait_for(reader.read(1), 2 * Hasty.head_seconds)
        app.let.set()
        first = await _answer(reader)
        writer.write(b"TP/1.1\r\nhost: stoa.test\r\n\r\n")
        second = await _answer(reader)

    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 200 ")


async def test_a_head_that_began_while_an_answer_was_awaited_and_does_not_go_on_is_refused(
    hasty: int, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _connected(hasty) as (reader, writer):
        writer.write(REQUEST.replace(b"/ ", b"/held ", 1) + b"GET / HT")
        await asyncio.wait_for(app.held.wait(), WITHIN)
        hurry(monkeypatch)
        app.let.set()

        await _answer(reader)

        assert (await asyncio.wait_for(reader.read(), WITHIN)).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "endless",
    [
        pytest.param(b"GET / HTTP/1.1\r\nx-endless: ", id="one header"),
        pytest.param(b"GET /", id="a target"),
    ],
)
async def test_a_head_without_end_is_answered_with_431(patient: int, endless: bytes) -> None:
    async with _connected(patient) as (reader, writer):
        writer.write(endless)
        answer = asyncio.create_task(reader.read())
        sent = 0
        while not answer.done() and sent < 64 * 1024 * 1024:
            writer.write(b"a" * 16_384)
            sent += 16_384
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            await asyncio.sleep(0)

        assert (await asyncio.wait_for(answer, WITHIN)).startswith(b"HTTP/1.1 431 ")
        assert sent < 64 * 1024 * 1024


async def test_a_large_head_in_one_go_is_answered_with_431(patient: int) -> None:
    async with _connected(patient) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n" + b"".join(_headers(MAX_HEAD_BYTES)) + b"\r\n")

        assert (await asyncio.wait_for(reader.read(), WITHIN)).startswith(b"HTTP/1.1 431 ")


async def test_a_head_as_large_as_allowed_is_served(patient: int) -> None:
    async with _connected(patient) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n" + b"".join(_headers(MAX_HEAD_BYTES - 200)) + b"\r\n")

        assert (await _answer(reader)).startswith(b"HTTP/1.1 200 ")


async def test_a_body_larger_than_any_head_is_no_head(patient: int) -> None:
    size = 4 * MAX_HEAD_BYTES
    async with _connected(patient) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: stoa.test\r\ncontent-length: %d\r\n\r\n" % size + b"a" * size + REQUEST)

        assert (await _answer(reader)).startswith(b"HTTP/1.1 200 ")
        assert (await _answer(reader)).startswith(b"HTTP/1.1 200 ")


async def test_what_is_no_request_is_still_a_bad_one(patient: int) -> None:
    async with _connected(patient) as (reader, writer):
        writer.write(b"\x16\x03\x01\x02\x00\r\n\r\n")

        assert (await asyncio.wait_for(reader.read(), WITHIN)).startswith(b"HTTP/1.1 400 ")


def _headers(size: int) -> Iterator[bytes]:
    """Headers of so many bytes in all, or up to one less header."""
    header = b"x-padding: " + b"a" * 87 + b"\r\n"
    for _ in range(size // len(header) + (size == MAX_HEAD_BYTES)):
        yield header


@contextlib.asynccontextmanager
async def _listening(app: App, protocol: type[BoundedHeads]) -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(app, http=protocol, lifespan="off", log_config=None, timeout_keep_alive=120)
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            app.let.set()
            server.should_exit = True
            await serving


@contextlib.asynccontextmanager
async def _connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.readuntil(b"done"), WITHIN)


async def _dribbled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bytes:
    """Send a byte every 20 ms until the server closes; what it said."""
    answer = asyncio.create_task(reader.read())
    for byte in data:
        writer.write(bytes([byte]))
        done, _ = await asyncio.wait([answer], timeout=0.02)
        if done:
            break
    return await asyncio.wait_for(answer, WITHIN)
