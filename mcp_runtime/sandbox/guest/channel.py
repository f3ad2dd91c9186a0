"""Calls over one socket of a worker: each runs in a task of its own, can be cancelled, and is answered once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import McpError
from mcp_runtime.sandbox.guest import frames, threads
from mcp_runtime.sandbox.guest.exchange import CallExchange
from mcp_runtime.sandbox.guest.frames import Frame, Kind
from mcp_runtime.sandbox.guest.link import Link

Serve = Callable[[str, dict[str, Any], CallExchange], Awaitable[object]]
"""`serving.serve` with the server filled in."""
_MESSAGE_CHARACTERS = 4 * 1024


class CallPayload(msgspec.Struct):
    """Payload of a CALL frame."""

    params: dict[str, Any]
    caller: Caller


class Call:
    """One call that runs."""

    __slots__ = ("cancelled", "exchange", "started", "task", "threads")

    def __init__(self, exchange: CallExchange) -> None:
        self.exchange = exchange
        self.threads = threads.CallThreads()
        self.task: asyncio.Task[None] | None = None
        self.started = False
        self.cancelled = False


class Channel:
    """The calls of one socket. The peer is the host and is trusted to keep to the protocol."""

    def __init__(self, link: Link, serve: Serve) -> None:
        self._link = link
        self._serve = serve
        self._calls: dict[int, Call] = {}
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def receive(self, frame: Frame) -> None:
        """Handle a frame about calls; others are not for us."""
        match frame.kind:
            case Kind.CALL:
                self._begin(frame)
            case Kind.CANCEL:
                self._cancel(frame.id)
            case Kind.CALLBACK_RESULT | Kind.CALLBACK_ERROR:
                if call := self._calls.get(frame.id):
                    call.exchange.answered(frame.payload, failed=frame.kind == Kind.CALLBACK_ERROR)
            case Kind.PING:
                self._link.send(frames.encode(Kind.PONG, frame.id))

    def close(self) -> None:
        """The host has left: so do its calls."""
        for call in list(self._calls.keys()):
            self._cancel(call)

    def _begin(self, frame: Frame) -> None:
        payload = _decoder.decode(frame.payload)
        call = Call(CallExchange(self._link, frame.id, payload.caller, self._loop, self._thread))
        self._calls[frame.id] = call
        call.task = self._loop.create_task(self._run(frame.id, frame.method, payload.params, call))

    async def _run(self, number: int, method: str, params: dict[str, Any], call: Call) -> None:
        call.started = True
        threads.current.set(call.threads)
        try:
            answer = await self._answer(number, method, params, call.exchange)
        except BaseException as error:  # noqa: BLE001
            # A tool may raise SystemExit or an invention of its own: that ends its call, not the worker.
            answer = _failure(number, error)
        if call.cancelled:
            await self._ended(call)
            answer = frames.encode(Kind.CANCELLED, number)
        call.exchange.end()
        del self._calls[number]
        self._link.send_soon(answer)

    async def _answer(self, number: int, method: str, params: dict[str, Any], exchange: CallExchange) -> bytes:
        result = await self._serve(method, params, exchange)
        try:
            return frames.encode(Kind.RESULT, number, "", result)
        except ValueError:
            message = f"The result is larger than the limit of {frames.MAX_FRAME} bytes."
            return _error(number, "too_large", message)
        except (TypeError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
            return _error(number, -32603, f"The result cannot be encoded as JSON: {error}")

    def _cancel(self, number: int) -> None:
        call = self._calls.get(number)
        if call is None or call.cancelled or call.task is None:
            return
        call.cancelled = True
        call.task.cancel()
        if not call.started:  # its coroutine will never see the cancellation
            del self._calls[number]
            self._link.send(frames.encode(Kind.CANCELLED, number))

    async def _ended(self, call: Call) -> None:
        """Return when no code of the call runs any more, however often we are told to hurry."""
        while True:
            try:
                return await call.threads.interrupt()
            except asyncio.CancelledError:
                continue


def _failure(number: int, error: BaseException) -> bytes:
    if isinstance(error, McpError):
        try:
            return _error(number, error.code, error.message, error.data)
        except (TypeError, ValueError):  # data that JSON cannot say
            return _error(number, error.code, error.message)
    return _error(number, -32603, f"The server failed with {type(error).__name__[:200]}.")


def _error(number: int, code: int | str, message: str, data: object = None) -> bytes:
    error: dict[str, object] = {"code": code, "message": message[:_MESSAGE_CHARACTERS]}
    if data is not None:
        error["data"] = data
    return frames.encode(Kind.ERROR, number, "", error)


_decoder = msgspec.json.Decoder(CallPayload)
