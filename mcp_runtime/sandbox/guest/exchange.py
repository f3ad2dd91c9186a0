"""What the framework sees of a call that came over a socket: `serving.Exchange`, and questions to the host."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import msgspec

from mcp_runtime.framework.exchange import CannotAsk
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import McpError, MethodNotFound
from mcp_runtime.sandbox.guest import frames
from mcp_runtime.sandbox.guest.frames import Kind
from mcp_runtime.sandbox.guest.kept_state import KeptState
from mcp_runtime.sandbox.guest.link import Link

LOGS_PER_SECOND = 200
LOG_BYTES = 64 * 1024
QUESTIONS_AT_ONCE = 64
_PATIENCE_BYTES = 1024 * 1024
"""Log and progress messages are dropped while the host has this much of ours to read."""


class Budget:
    """So many log messages a second for the whole process."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._second = 0
        self._spent = 0

    def take(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._spent = second, 0
        self._spent += 1
        return self._spent <= self._per_second


_logs = Budget(LOGS_PER_SECOND)


class CallExchange:
    """One call's way back to its caller. Its methods may be called from any thread, also after the call is over."""

    def __init__(self, link: Link, call: int, caller: Caller, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        self.caller = caller
        self.request_id = caller.request_id
        self.state_store = KeptState(self)
        """Where the framework keeps what sessions remember."""
        self._link = link
        self._call = call
        self._loop = loop
        self._thread = thread
        self._over = False
        self._questions: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._asked = 0

    def log(self, level: str, logger: str | None, data: object) -> None:
        """Send a log message. The framework asks for levels that the client wants only."""
        message: dict[str, object] = {"level": level, "data": data}
        if logger is not None:
            message["logger"] = logger
        payload = _encoded(message)
        if len(payload) > LOG_BYTES:
            payload = _encoded({**message, "data": f"(a log message of {len(payload)} bytes; {LOG_BYTES} are allowed)"})
        self._send(Kind.LOG, "notifications/message", payload)

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        """Send progress. The framework does so for clients that asked for it only."""
        params: dict[str, object] = {"progress": progress}
        if total is not None:
            params["total"] = total
        if message is not None:
            params["message"] = message[:LOG_BYTES]
        self._send(Kind.PROGRESS, "notifications/progress", _encoded(params))

    def notify(self, method: str, params: dict[str, object]) -> None:
        """Announce something that is neither a log message nor progress; what the host does not know it drops."""
        self._send(Kind.LOG, method, _encoded(params))

    async def ask(self, method: str, params: dict[str, object]) -> dict[str, object]:
        """Ask the client something in the middle of the call (sampling, elicitation, roots).
        Raises CannotAsk where nobody can be asked, McpError when the question is refused."""
        if self._over or len(self._questions) >= QUESTIONS_AT_ONCE:
            raise CannotAsk(f"A call may ask {QUESTIONS_AT_ONCE} questions at once, while it runs.")
        self._asked = number = self._asked + 1
        answer = self._questions[number] = self._loop.create_future()
        try:
            self._link.send(frames.encode(Kind.CALLBACK, self._call, method, (number, params)))
            return _answer_decoder.decode(await answer)
        finally:
            del self._questions[number]

    def answered(self, payload: msgspec.Raw, *, failed: bool) -> None:
        """The host's answer to a question."""
        number, content = msgspec.json.decode(payload, type=tuple[int, msgspec.Raw])
        question = self._questions.get(number)
        if question is None or question.done():
            return
        if failed:
            error: dict[str, Any] = msgspec.json.decode(content)
            question.set_exception(_refusal(error["code"], error["message"], error.get("data")))
        else:
            question.set_result(content)

    def end(self) -> None:
        """The call is over: nothing is sent in its name any more, for the host would take that for an attack."""
        self._over = True

    def _send(self, kind: Kind, method: str, payload: bytes) -> None:
        if threading.get_ident() == self._thread:
            self._deliver(kind, method, payload)
        else:
            self._loop.call_soon_threadsafe(self._deliver, kind, method, payload)

    def _deliver(self, kind: Kind, method: str, payload: bytes) -> None:
        if self._over or self._link.unsent > _PATIENCE_BYTES or (kind is Kind.LOG and not _logs.take()):
            return
        self._link.send(frames.encode(kind, self._call, method, msgspec.Raw(payload)))


def _refusal(code: int, message: str, data: object) -> Exception:
    return CannotAsk(message) if code == MethodNotFound.code else McpError(message, code=code, data=data)


def _encoded(message: dict[str, object]) -> bytes:
    return _encoder.encode(message)


_encoder = msgspec.json.Encoder(enc_hook=repr)
_answer_decoder = msgspec.json.Decoder(dict[str, object])
