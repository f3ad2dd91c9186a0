"""Bodies that Django would wait for: they come at some pace, or are answered without it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from controlplane.api import bodies
from controlplane.api.bodies import BodyLimit
from tests.contract.serving import listening

HEAD = b"POST /sign-in/ HTTP/1.1\r\nhost: stoa.test\r\ncontent-length: %d\r\n\r\n"


async def _reads_all(scope: Any, receive: Any, send: Any) -> None:
    """As Django does: nothing is answered when the client goes, and afterwards it listens for that."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message.get("more_body", False)
    body = b"%d bytes" % size
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
    await receive()


@pytest.fixture
async def address() -> AsyncIterator[str]:
    async with listening(BodyLimit(_reads_all, upload_bytes=1, seconds=1.0)) as address:
        yield address


async def test_a_slow_body_is_answered_with_408(address: str) -> None:
    answer = await _sent(address, HEAD % 10_000 + b"a" * 100)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "too_slow"


async def test_a_body_that_comes_whole_is_served_however_long_the_answer_takes(address: str) -> None:
    answer = await _sent(address, HEAD.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") % 10_000 + b"a" * 10_000)

    assert answer.endswith(b"10000 bytes")


async def test_a_large_body_without_a_length_is_still_answered_with_413(address: str) -> None:
    chunk = b"%x\r\n" % 65_536 + b"a" * 65_536 + b"\r\n"
    head = b"POST / HTTP/1.1\r\nhost: stoa.test\r\ntransfer-encoding: chunked\r\n\r\n"

    answer = await _sent(address, head + chunk * (bodies.MAX_BODY_BYTES // 65_536 + 1))

    assert answer.startswith(b"HTTP/1.1 413 ")


async def _sent(address: str, request: bytes) -> bytes:
    """What the server said before it closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(address).port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 60)
    finally:
        writer.close()
