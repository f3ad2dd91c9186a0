"""What a remote server says while it answers, handed to the client whose call it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import msgspec

from mcp_runtime.client.handlers import Handlers, ProgressHandler
from mcp_runtime.connectors.deadline import Deadline
from mcp_runtime.framework.exchange import CannotAsk
from mcp_runtime.ports.sandboxes import Asker, EventSink, UpstreamError
from mcp_runtime.protocol.errors import McpError

_QUESTIONS = {"elicitation/create": "elicitation", "sampling/createMessage": "sampling", "roots/list": "roots"}
ABILITIES = frozenset(_QUESTIONS.values())
_CHANGES = frozenset(f"notifications/{name}/list_changed" for name in ("tools", "resources", "prompts"))


@dataclass(slots=True, eq=False)
class Listening:
    """One call, and where what is said about it goes."""

    on_event: EventSink | None
    asker: Asker | None
    deadline: Deadline


@dataclass
class Relay(Handlers):
    """The handlers of one connection. Calls share it, and each hears what belongs to it.

    What comes on the stream of a request is read by that request's task, so the context tells whose it is. What comes
    on a stream of its own is given to the only call there is, and dropped when there are several: an answer to a
    question must never come from somebody else.
    """

    abilities: dict[str, Any] = field(default_factory=dict)
    """What the clients behind this connection declared."""
    calls: list[Listening] = field(default_factory=list)
    on_change: Callable[[], None] | None = None
    """Told that a list of the server changed. What its clients see of that is the endpoint's to say."""

    @property
    def capabilities(self) -> dict[str, Any]:
        return self.abilities

    @contextmanager
    def listening(self, call: Listening) -> Iterator[None]:
        token = _CURRENT.set(call)
        self.calls.append(call)
        try:
            yield
        finally:
            self.calls.remove(call)
            _CURRENT.reset(token)

    async def notified(self, method: str, params: dict[str, Any], progress: ProgressHandler | None = None) -> None:
        if method == "notifications/progress":
            if progress is not None:
                await super().notified(method, params, progress)
            return
        if method in _CHANGES:
            if self.on_change is not None:
                self.on_change()
            return
        call = self._current()
        if call is not None and call.on_event is not None:
            call.on_event(method, msgspec.Raw(msgspec.json.encode(params)))

    async def asked(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Raises CannotAsk, McpError."""
        call = self._current()
        if method not in _QUESTIONS or call is None or call.asker is None:
            raise CannotAsk(f"Nobody here can answer {method}.")
        try:
            with call.deadline.paused():
                answer = await call.asker(method, msgspec.Raw(msgspec.json.encode(params)))
        except UpstreamError as error:
            raise McpError(error.message, code=error.code, data=error.data) from error
        result: dict[str, Any] = msgspec.json.decode(answer)
        return result

    def _current(self) -> Listening | None:
        call = _CURRENT.get()
        if call is not None and call in self.calls:
            return call
        return self.calls[0] if len(self.calls) == 1 else None


_CURRENT: ContextVar[Listening | None] = ContextVar("remote call", default=None)
