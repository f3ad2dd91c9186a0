"""What runs in this process and may be spoken to from another: calls, questions, open streams.

An answer, a cancellation or an announcement is first looked for here and then told to all gateways, so that it does
not matter which of them a client's next request reaches (ARCHITECTURE 6.3).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import msgspec

from mcp_runtime.ports.sessions import Sessions, SessionsUnavailable
from mcp_runtime.protocol import codec

log = logging.getLogger("stoa.gateway")

ANSWERS, CANCELLATIONS, ENDINGS = "answers", "cancellations", "endings"

CallKey: TypeAlias = tuple[str, object]
"""Session and request id: ids are unique among the requests in flight of one client only (PROTOCOL B-02)."""
Announcement: TypeAlias = Callable[[str, bytes], None]
"""Hears a notification about an endpoint: its method, and its parameters as JSON."""


class Answer(msgspec.Struct, frozen=True):
    """A client's answer to a question of ours."""

    session: str
    question: str
    result: msgspec.Raw = msgspec.Raw(b"{}")
    error: dict[str, Any] | None = None
    """Set when the client refused, and then there is no result."""


class Hub:
    """One per gateway process."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._calls: dict[CallKey, asyncio.Task[Any]] = {}
        self._questions: dict[tuple[str, str], asyncio.Future[Answer]] = {}
        self._endings: dict[str, set[Callable[[], None]]] = {}
        self._watchers: dict[str, set[Announcement]] = {}
        self._stops: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        hear = self._sessions.hear
        self._stops = [
            hear(ANSWERS, self._heard_answer),
            hear(CANCELLATIONS, self._heard_cancellation),
            hear(ENDINGS, lambda told: self._end(told.decode())),
        ]

    async def aclose(self) -> None:
        for stop in self._stops:
            stop()
        for call in list(self._calls.values()):
            call.cancel()
        for ending in [one for endings in self._endings.values() for one in endings]:
            ending()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)

    def keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` to its end, whoever has gone meanwhile."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    # Calls of sessions.

    def call_begins(self, session_id: str, request_id: object, task: asyncio.Task[Any]) -> None:
        """From now until it ends the call can be cancelled."""
        key = (session_id, request_id)
        self._calls[key] = task

        def ended(_: object) -> None:
            if self._calls.get(key) is task:
                del self._calls[key]

        task.add_done_callback(ended)

    def cancel(self, session_id: str, request_id: object) -> None:
        """Cancel a call, here or in another process. Unknown ones are nobody's business (PROTOCOL 2.4)."""
        if not self._stop((session_id, request_id)):
            self._tell(CANCELLATIONS, codec.write([session_id, request_id]))

    # Questions to clients.

    def expect(self, session_id: str, question: str) -> asyncio.Future[Answer]:
        """The answer to a question that is about to be asked. Call `forget` in the end."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._questions[session_id, question] = future
        return future

    def forget(self, session_id: str, question: str) -> None:
        self._questions.pop((session_id, question), None)

    def answer(self, answer: Answer) -> None:
        """Hand an answer to whoever waits for it, here or in another process (PROTOCOL S-03)."""
        if not self._take(answer):
            self._tell(ANSWERS, codec.write(answer))

    # Sessions that end.

    def on_end(self, session_id: str, ending: Callable[[], None]) -> Callable[[], None]:
        """Call `ending` when the session is over. Returns what stops that."""
        self._endings.setdefault(session_id, set()).add(ending)

        def stop() -> None:
            endings = self._endings.get(session_id)
            if endings is not None:
                endings.discard(ending)
                if not endings:
                    del self._endings[session_id]

        return stop

    def session_ended(self, session_id: str) -> None:
        """Stop what runs for the session, in every process."""
        self._tell(ENDINGS, session_id.encode())

    # Announcements about endpoints.

    def announce(self, endpoint_id: str, method: str, params: bytes) -> None:
        self._tell(_about(endpoint_id), method.encode() + b"\n" + params)

    def announce_here(self, endpoint_id: str, method: str, params: bytes) -> None:
        """To those of this process, when the others find out by themselves."""
        for listener in tuple(self._watchers.get(endpoint_id, ())):
            listener(method, params)

    def watch(self, endpoint_id: str, listener: Announcement) -> Callable[[], None]:
        """Hear what is announced about an endpoint. Returns what stops that."""
        self._watchers.setdefault(endpoint_id, set()).add(listener)

        def heard(told: bytes) -> None:
            method, _, params = told.partition(b"\n")
            listener(method.decode(), params)

        stop_hearing = self._sessions.hear(_about(endpoint_id), heard)

        def stop() -> None:
            stop_hearing()
            watchers = self._watchers.get(endpoint_id)
            if watchers is not None:
                watchers.discard(listener)
                if not watchers:
                    del self._watchers[endpoint_id]

        return stop

    def _heard_answer(self, told: bytes) -> None:
        self._take(_answer.decode(told))

    def _heard_cancellation(self, told: bytes) -> None:
        session_id, request_id = msgspec.json.decode(told)
        self._stop((session_id, request_id))

    def _take(self, answer: Answer) -> bool:
        future = self._questions.get((answer.session, answer.question))
        if future is None or future.done():
            return False
        future.set_result(answer)
        return True

    def _stop(self, key: CallKey) -> bool:
        task = self._calls.get(key)
        return task is not None and task.cancel()

    def _end(self, session_id: str) -> None:
        for key, task in list(self._calls.items()):
            if key[0] == session_id:
                task.cancel()
        for ending in tuple(self._endings.get(session_id, ())):
            ending()

    def _tell(self, topic: str, message: bytes) -> None:
        self.keep(self._say(topic, message))

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("Something failed that nobody waited for.", exc_info=error)

    async def _say(self, topic: str, message: bytes) -> None:
        try:
            await self._sessions.tell(topic, message)
        except SessionsUnavailable as error:
            log.warning("Other gateways were not told of %s: %s", topic.partition(":")[0], error)


def _about(endpoint_id: str) -> str:
    return f"endpoint:{endpoint_id}"


_answer = msgspec.json.Decoder(Answer)
