"""The gateway's end of one worker's socket: many calls at once, and not a byte of it believed (SANDBOX 4).

A worker that breaks the protocol, floods without end, stops reading or does not give up a cancelled call costs
itself: the connection reports it through `on_fault`, fails its calls and is of no further use.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec

from mcp_runtime.ports.sandboxes import (
    NOTIFICATIONS,
    Asker,
    CallTimedOut,
    CallTooLarge,
    EventSink,
    SandboxError,
    UpstreamError,
    WorkerDied,
    WorkerMisbehaved,
)
from mcp_runtime.ports.workers import Caller
from mcp_runtime.sandbox.guest import frames
from mcp_runtime.sandbox.guest.frames import Frame, Kind
from mcp_runtime.sandbox.guest.link import FRAMES_PER_TURN, FrameError, FrameSplitter

FRAMES_PER_SECOND = 20_000
FRAMES_BURST = 10_000
PARTIAL_FRAME_SECONDS = 10.0
HIGH_WATER = 1024 * 1024
STALL_SECONDS = 5.0
MAX_UNSENT = 16 * 1024 * 1024
CANCEL_SECONDS = 1.0
"""How long a worker may take to give up a call."""
QUESTIONS_AT_ONCE = 64
EVENTS_PER_SECOND = 200
EVENT_BYTES = 64 * 1024
ERROR_BYTES = 64 * 1024
_MESSAGE_CHARACTERS = 4 * 1024

Fault = Callable[[SandboxError], None]


class CallPayload(msgspec.Struct):
    """Payload of a CALL frame."""

    params: msgspec.Raw
    caller: Caller


class ErrorPayload(msgspec.Struct):
    """Payload of an ERROR frame."""

    code: int | str
    message: str
    data: object = None


class _Call:
    __slots__ = ("answer", "asker", "ending", "left", "on_event", "questions", "timer")

    def __init__(
        self,
        answer: asyncio.Future[msgspec.Raw],
        timer: asyncio.TimerHandle,
        on_event: EventSink | None,
        asker: Asker | None,
    ) -> None:
        self.answer = answer
        self.timer = timer
        self.on_event = on_event
        self.asker = asker
        self.ending = False
        self.left = 0.0
        """Seconds of the deadline that remain once the last question is answered."""
        self.questions: set[asyncio.Task[None]] = set()


class WorkerConnection(asyncio.Protocol):
    """Calls to one worker. Make it with `connect`."""

    def __init__(self, on_fault: Fault, on_lost: Callable[[], None]) -> None:
        self._on_fault = on_fault
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._splitter = FrameSplitter()
        self._calls: dict[int, _Call] = {}
        self._next = 0
        self._ending = 0
        self._changed: set[asyncio.Future[None]] = set()
        self._failure: SandboxError | None = None
        self._paused = False
        self._stall: asyncio.TimerHandle | None = None
        self._partial: asyncio.TimerHandle | None = None
        self._tokens = float(FRAMES_BURST)
        self._refilled = time.monotonic()
        self._event_second = 0
        self._events = 0
        self.dropped_events = 0

    @classmethod
    async def connect(cls, sock: socket.socket, on_fault: Fault, on_lost: Callable[[], None]) -> WorkerConnection:
        """Take over a connected Unix socket. `on_fault`: the worker must be killed for this; `on_lost`: its end of
        the socket is closed, and `fail` should follow once the reason is known. Each at most once."""
        connection = cls(on_fault, on_lost)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, HIGH_WATER)
        await connection._loop.create_unix_connection(lambda: connection, sock=sock)
        return connection

    @property
    def busy(self) -> bool:
        """Whether any call of ours runs in the worker, a cancelled one included."""
        return bool(self._calls)

    @property
    def usable(self) -> bool:
        return self._failure is None and self._transport is not None

    async def call(
        self,
        method: str,
        params: msgspec.Raw,
        caller: Caller,
        *,
        seconds: float,
        on_event: EventSink | None = None,
        asker: Asker | None = None,
    ) -> msgspec.Raw:
        """One call, from arguments to raw result. Cancelling it cancels the call in the worker.

        Raises CallTimedOut at the deadline, UpstreamError for a JSON-RPC error, ConnectionError when nothing was sent
        because the worker has gone meanwhile (try another one), and SandboxError for everything else.
        """
        number = self._next = self._next + 1
        try:
            data = frames.encode(Kind.CALL, number, method, CallPayload(params, caller))
        except ValueError:
            raise CallTooLarge(f"The arguments are larger than the limit of {frames.MAX_FRAME} bytes.") from None
        if self._paused or self._ending:
            await self._wait_until_ready()
        if self._failure is not None or self._transport is None:
            raise ConnectionError("the worker has gone")
        answer: asyncio.Future[msgspec.Raw] = self._loop.create_future()
        timer = self._loop.call_later(seconds, self._expire, number)
        self._calls[number] = _Call(answer, timer, on_event, asker)
        self._transport.write(data)
        try:
            return await answer
        except asyncio.CancelledError:
            self._cancel(number)
            raise

    def fail(self, error: SandboxError) -> None:
        """End every call with `error` and close the socket. Idempotent: the first reason stands."""
        if self._failure is not None:
            return
        self._failure = error
        for timer in (self._stall, self._partial):
            if timer is not None:
                timer.cancel()
        calls, self._calls = self._calls, {}
        self._ending = 0
        for call in calls.values():
            call.timer.cancel()
            for question in call.questions:
                question.cancel()
            if not call.answer.done():
                call.answer.set_exception(copied(error))
        self._wake()
        if self._transport is not None:
            self._transport.abort()

    # What the event loop tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._failure is None:
            self._wake()
            self._on_lost()

    def pause_writing(self) -> None:
        self._paused = True
        self._stall = self._loop.call_later(STALL_SECONDS, self._stalled)

    def resume_writing(self) -> None:
        self._paused = False
        if self._stall is not None:
            self._stall.cancel()
        self._wake()

    def data_received(self, data: bytes) -> None:
        self._splitter.feed(data)
        self._drain()

    # Frames from the worker.

    def _drain(self) -> None:
        """Handle up to FRAMES_PER_TURN frames, then let everyone else have a turn."""
        if self._failure is not None or self._transport is None:
            return
        now = time.monotonic()
        self._tokens = min(FRAMES_BURST, self._tokens + (now - self._refilled) * FRAMES_PER_SECOND)
        self._refilled = now
        delay = 0.0
        try:
            for _ in range(FRAMES_PER_TURN):
                if self._tokens < 1:
                    delay = FRAMES_PER_TURN / FRAMES_PER_SECOND
                    break
                body = self._splitter.next()
                if body is None:
                    self._watch_partial()
                    self._transport.resume_reading()
                    return
                if self._partial is not None:
                    self._partial.cancel()
                    self._partial = None
                self._tokens -= 1
                str(body, "utf-8")  # raw payloads are passed on: what leaves here is JSON, to the byte
                self._receive(frames.decode(body))
                if not self.usable:
                    return
        except (FrameError, UnicodeDecodeError, msgspec.MsgspecError, RecursionError) as error:
            self._misbehaved(str(error))
            return
        self._transport.pause_reading()
        if delay:
            self._loop.call_later(delay, self._drain)
        else:
            self._loop.call_soon(self._drain)

    def _watch_partial(self) -> None:
        if self._splitter.partial and self._partial is None:
            self._partial = self._loop.call_later(
                PARTIAL_FRAME_SECONDS, self._misbehaved, f"a frame was not finished in {PARTIAL_FRAME_SECONDS:g} s"
            )

    def _receive(self, frame: Frame) -> None:
        call = self._calls.get(frame.id)
        if call is None:
            raise FrameError(f"a frame of kind {frame.kind} names call {frame.id}, which does not run here")
        match frame.kind:
            case Kind.RESULT:
                if bytes(memoryview(frame.payload)[:1]) != b"{":
                    raise FrameError("a result is no object")
                self._finish(frame.id, call)
                if not call.answer.done():
                    call.answer.set_result(frame.payload)
            case Kind.ERROR:
                error = _error(frame.payload)
                self._finish(frame.id, call)
                if not call.answer.done():
                    call.answer.set_exception(error)
            case Kind.CANCELLED if call.ending:
                self._finish(frame.id, call)
            case Kind.PROGRESS | Kind.LOG:
                self._event(frame, call)
            case Kind.CALLBACK:
                self._question(frame, call)
            case _:
                raise FrameError(f"a frame of kind {frame.kind} is not for the host, or not now")

    def _finish(self, number: int, call: _Call) -> None:
        del self._calls[number]
        call.timer.cancel()
        for question in call.questions:
            question.cancel()
        if call.ending:
            self._ending -= 1
            self._wake()

    def _event(self, frame: Frame, call: _Call) -> None:
        second = int(self._refilled)
        if second != self._event_second:
            self._event_second, self._events = second, 0
        self._events += 1
        if self._events > EVENTS_PER_SECOND or len(frame.payload) > EVENT_BYTES:
            self.dropped_events += 1
        elif call.on_event is not None and not call.ending:
            call.on_event(_event_method(frame), frame.payload)

    def _question(self, frame: Frame, call: _Call) -> None:
        question, params = _question_decoder.decode(frame.payload)
        if call.ending:
            return
        if call.asker is None:
            self._refuse(frame.id, question, -32601, "This client cannot be asked.")
        elif sum(len(other.questions) for other in self._calls.values()) >= QUESTIONS_AT_ONCE:
            self._refuse(frame.id, question, -32603, f"More than {QUESTIONS_AT_ONCE} questions are open at once.")
        else:
            task = self._loop.create_task(self._ask(frame.id, question, call.asker(frame.method, params)))
            if not call.questions:  # people take longer to answer than code may take to run
                call.left = max(call.timer.when() - self._loop.time(), 0.0)
                call.timer.cancel()
            call.questions.add(task)
            task.add_done_callback(lambda done: self._asked(frame.id, call, done))

    def _asked(self, number: int, call: _Call, task: asyncio.Task[None]) -> None:
        call.questions.discard(task)
        if not call.questions and not call.ending and self._calls.get(number) is call:
            call.timer = self._loop.call_later(call.left, self._expire, number)

    async def _ask(self, number: int, question: int, asking: Awaitable[msgspec.Raw]) -> None:
        try:
            answer = await asking
        except UpstreamError as error:
            self._refuse(number, question, error.code, error.message, error.data)
            return
        if number in self._calls:
            self._write(frames.encode(Kind.CALLBACK_RESULT, number, "", (question, answer)))

    def _refuse(self, number: int, question: int, code: int, message: str, data: object = None) -> None:
        error = ErrorPayload(code, message, data)
        self._write(frames.encode(Kind.CALLBACK_ERROR, number, "", (question, error)))

    # Ends of calls.

    def _expire(self, number: int) -> None:
        call = self._calls[number]
        if not call.answer.done():
            call.answer.set_exception(CallTimedOut("The call took longer than it may and was stopped."))
        self._cancel(number)

    def _cancel(self, number: int) -> None:
        call = self._calls.get(number)
        if call is None or call.ending:
            return
        call.ending = True
        self._ending += 1
        call.timer.cancel()
        call.timer = self._loop.call_later(CANCEL_SECONDS, self._not_given_up)
        for question in call.questions:
            question.cancel()
        self._write(frames.encode(Kind.CANCEL, number))

    def _not_given_up(self) -> None:
        self._fault(WorkerDied("The worker was stopped: a call in it could not be cancelled.", reason="killed"))

    def _stalled(self) -> None:
        self._misbehaved(f"it did not read for {STALL_SECONDS:g} s")

    def _misbehaved(self, what: str) -> None:
        self._fault(WorkerMisbehaved(f"The worker broke the frame protocol and was stopped: {what[:500]}."))

    def _fault(self, error: SandboxError) -> None:
        if self._failure is None:
            self.fail(error)
            self._on_fault(error)

    def _write(self, data: bytes) -> None:
        if self._transport is None or self._failure is not None:
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self._misbehaved(f"it left {MAX_UNSENT} bytes unread")

    async def _wait_until_ready(self) -> None:
        """Wait while the pipe is full or the worker has a cancelled call to give up: a call sent now might be
        killed together with it. The timers of both bound the wait, which is not held against the call."""
        while (self._paused or self._ending) and self.usable:
            change: asyncio.Future[None] = self._loop.create_future()
            self._changed.add(change)
            try:
                await change
            finally:
                self._changed.discard(change)

    def _wake(self) -> None:
        for change in self._changed:
            if not change.done():
                change.set_result(None)


def _event_method(frame: Frame) -> str:
    if frame.kind == Kind.PROGRESS:
        return "notifications/progress"
    return frame.method if frame.method in NOTIFICATIONS else "notifications/message"


def _error(payload: msgspec.Raw) -> Exception:
    """What an ERROR frame means to the caller. Raises FrameError or msgspec.DecodeError when it is none."""
    if len(payload) > ERROR_BYTES:
        error = ErrorPayload(-32603, "The server failed, and its error is too large to pass on.")
    else:
        error = _error_decoder.decode(payload)
    message = error.message[:_MESSAGE_CHARACTERS]
    if isinstance(error.code, int):
        return UpstreamError(error.code, message, error.data)
    if error.code == "too_large":
        return CallTooLarge(message)
    raise FrameError(f"it answered with a failure of no known sort: {error.code[:100]!r}")


def copied(error: SandboxError) -> SandboxError:
    """One exception object per waiter: raising a shared one would chain the tracebacks of all of them."""
    clone = type(error)(error.message)
    clone.__dict__.update(error.__dict__)
    return clone


_error_decoder = msgspec.json.Decoder(ErrorPayload)
_question_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(tuple[int, msgspec.Raw])
