"""The ASGI words we use, and the two things every HTTP transport does: read a bounded body, send a whole answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

LINGER_SECONDS = 1.0
LINGER_BYTES = 64 * 1024 * 1024


class ClientGone(Exception):
    """The client hung up; there is nobody to answer."""


class BodyTooLarge(Exception):
    """More bytes came, or were announced, than `limit`."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is over the limit of {limit} bytes.")
        self.limit = limit


class BodyTooSlow(Exception):
    """The body was not complete within `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The body took longer than {seconds:g} seconds.")
        self.seconds = seconds


async def read_body(receive: Receive, *, limit: int, seconds: float) -> bytes:
    """The whole body, counted as it comes. Raises BodyTooLarge, BodyTooSlow or ClientGone."""
    # What asyncio.timeout does, in a third of its time: nearly every body has come whole before it is asked for.
    deadline = _Deadline(seconds)
    try:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            if len(body) > limit:
                raise BodyTooLarge(limit)
            return body
        return await _read_rest(receive, bytearray(body), limit)
    except asyncio.CancelledError:
        if deadline.is_why():
            raise BodyTooSlow(seconds) from None
        raise
    finally:
        deadline.timer.cancel()


class _Deadline:
    """Cancels the current task after `seconds`."""

    __slots__ = ("_passed", "_task", "timer")

    def __init__(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task(loop)
        self._passed = False
        self.timer = loop.call_later(seconds, self._pass)

    def is_why(self) -> bool:
        """Whether a cancellation came from here, and from nobody else: then it is withdrawn."""
        return self._passed and self._task is not None and self._task.uncancel() == 0

    def _pass(self) -> None:
        self._passed = True
        if self._task is not None:
            self._task.cancel()


async def _read_rest(receive: Receive, body: bytearray, limit: int) -> bytes:
    while True:
        if len(body) > limit:
            raise BodyTooLarge(limit)
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if not message.get("more_body", False):
            if len(body) > limit:
                raise BodyTooLarge(limit)
            return bytes(body)


async def answer(send: Send, status: int, body: bytes, headers: Iterable[Header]) -> None:
    """Send a whole answer. `headers` go out as they are, plus the length."""
    await send({"type": "http.response.start", "status": status, "headers": [*headers, _length(body)]})
    await send({"type": "http.response.body", "body": body})


async def answer_early(receive: Receive, send: Send, status: int, body: bytes, headers: Iterable[Header]) -> None:
    """Answer a request whose body was not read, and close the connection.

    Closing while the client still writes would reset the connection, and many clients then lose the answer. So it
    goes out first, and what still arrives is thrown away for a moment.
    """
    head = [*headers, _length(body), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    thrown_away = 0
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while thrown_away < LINGER_BYTES:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    break
                thrown_away += len(message.get("body", b""))
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b""})


def _length(body: bytes) -> Header:
    return (b"content-length", b"%d" % len(body))
