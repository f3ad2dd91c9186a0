"""The response stream, driven by hand: what a real client cannot do on demand."""

from __future__ import annotations

import asyncio

import pytest

from mcp_runtime.transports import streamable_http
from mcp_runtime.transports.asgi import ClientGone, Message
from mcp_runtime.transports.streamable_http import MAX_QUEUED, ResponseStream
from tests.support import wait_until_async


class Wire:
    """Both ends of one exchange. `blocked` makes the client stop reading."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.hung_up = asyncio.Event()
        self.flowing = asyncio.Event()
        self.flowing.set()

    async def receive(self) -> Message:
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.flowing.wait()
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


@pytest.fixture
def wire() -> Wire:
    return Wire()


async def test_without_notifications_nothing_is_sent(wire: Wire) -> None:
    stream = ResponseStream(wire.receive, wire.send)

    result = await stream.run(_result())

    assert result == b"result"
    assert not stream.started
    assert wire.sent == []


async def test_a_notification_begins_the_stream_and_finish_ends_it(wire: Wire) -> None:
    stream = ResponseStream(wire.receive, wire.send)

    async def work() -> bytes:
        stream.notify(b"{1}")
        await wait_until_async(lambda: b"{1}" in wire.body, 5)
        return b"{2}"

    await stream.finish([await stream.run(work())])

    assert wire.body == b"event: message\ndata: {1}\n\nevent: message\ndata: {2}\n\n"
    assert wire.sent[-1]["more_body"] is False


async def test_a_client_that_does_not_read_loses_the_oldest_notifications(wire: Wire) -> None:
    stream = ResponseStream(wire.receive, wire.send)
    wire.flowing.clear()

    async def work() -> bytes:
        for number in range(MAX_QUEUED + 10):
            stream.notify(b"%d" % number)
        return b"result"

    result = await stream.run(work())
    wire.flowing.set()
    await stream.finish([result])

    assert stream.dropped == 10
    assert b"data: 9\n" not in wire.body
    assert b"data: 10\n" in wire.body
    assert wire.body.endswith(b"data: result\n\n")


async def test_a_client_that_takes_nothing_for_long_has_gone(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamable_http, "STALL_SECONDS", 0.01)
    stream = ResponseStream(wire.receive, wire.send)
    cancelled = False

    async def work() -> bytes:
        nonlocal cancelled
        stream.notify(b"{}")
        await wait_until_async(lambda: bool(wire.sent), 5)
        wire.flowing.clear()
        stream.notify(b"{}")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled = True
            raise
        return b""

    with pytest.raises(ClientGone):
        await stream.run(work())
    assert cancelled


async def test_hanging_up_cancels_the_work_and_not_its_task(wire: Wire) -> None:
    stream = ResponseStream(wire.receive, wire.send)
    wire.hung_up.set()

    with pytest.raises(ClientGone):
        await stream.run(_forever())
    await asyncio.sleep(0)

    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_server_that_stops_cancels_too(wire: Wire) -> None:
    stream = ResponseStream(wire.receive, wire.send)
    running = asyncio.create_task(stream.run(_forever()))
    await asyncio.sleep(0)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running


async def test_notifications_after_the_answer_are_ignored(wire: Wire) -> None:
    stream = ResponseStream(wire.receive, wire.send)

    async def work() -> bytes:
        stream.notify(b"{1}")
        return b"{2}"

    await stream.finish([await stream.run(work())])
    stream.notify(b"{3}")

    assert b"{3}" not in wire.body


async def _result() -> bytes:
    return b"result"


async def _forever() -> bytes:
    await asyncio.Event().wait()
    return b""
