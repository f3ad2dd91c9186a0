"""What a client does with what a server sends while it answers: log messages, progress, questions."""

from __future__ import annotations

import dataclasses
import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_runtime.client.rebuild import compile_schema
from mcp_runtime.framework.exchange import CannotAsk
from mcp_runtime.framework.types import (
    CreateMessageResult,
    ElicitResult,
    Model,
    Root,
    SamplingMessage,
    TextContent,
    plain,
)

__all__ = ("ElicitationHandler", "Handlers", "LogHandler", "LogMessage", "ProgressHandler", "SamplingHandler")

_log = logging.getLogger(__name__)


class LogMessage(Model):
    """Parameters of `notifications/message`; `data` is `{"msg": …, "extra": …}` from our own servers."""

    level: str
    logger: str | None = None
    data: Any = None


LogHandler = Callable[[LogMessage], Awaitable[None] | None]
ProgressHandler = Callable[[float, float | None, str | None], Awaitable[None] | None]
MessageHandler = Callable[[dict[str, Any]], Awaitable[None] | None]
SamplingHandler = Callable[[list[SamplingMessage], Any, Any], Any]
ElicitationHandler = Callable[[str, Any, Any, Any], Any]
Roots = Sequence[str | Root] | Callable[..., Any]


@dataclass
class Handlers:
    """A client's handlers, and what they let it declare as its capabilities."""

    log: LogHandler | None = None
    progress: ProgressHandler | None = None
    message: MessageHandler | None = None
    sampling: SamplingHandler | None = None
    elicitation: ElicitationHandler | None = None
    roots: Roots | None = None

    @property
    def capabilities(self) -> dict[str, Any]:
        """A ClientCapabilities object."""
        declared: dict[str, Any] = {}
        if self.sampling is not None:
            declared["sampling"] = {}
        if self.elicitation is not None:
            declared["elicitation"] = {}
        if self.roots is not None:
            declared["roots"] = {}
        return declared

    async def notified(self, method: str, params: dict[str, Any], progress: ProgressHandler | None = None) -> None:
        """Hand a notification to its handler; a handler that fails is logged, and the call goes on."""
        try:
            if method == "notifications/message" and self.log is not None:
                await _settled(self.log(LogMessage(**params)))
            elif method == "notifications/progress" and (progress or self.progress) is not None:
                handler = progress or self.progress
                assert handler is not None  # the line above says so
                await _settled(handler(params["progress"], params.get("total"), params.get("message")))
            if self.message is not None:
                await _settled(self.message({"method": method, "params": params}))
        except Exception:  # noqa: BLE001 - the handler is the program's own code, and this call is not its caller
            _log.exception("The client's handler of %s failed", method)

    async def asked(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Answer a question of the server. Raises CannotAsk for what this client has no handler for."""
        if method == "sampling/createMessage" and self.sampling is not None:
            return await self._sampled(self.sampling, params)
        if method == "elicitation/create" and self.elicitation is not None:
            return await self._elicited(self.elicitation, params)
        if method == "roots/list" and self.roots is not None:
            return await self._rooted(self.roots)
        option = _OPTIONS.get(method)
        raise CannotAsk(
            f"The client cannot answer {method}" + (f": give it {option}=." if option else ": it does not know it.")
        )

    async def _sampled(self, handler: SamplingHandler, params: dict[str, Any]) -> dict[str, Any]:
        messages = [SamplingMessage.from_wire(message) for message in params.get("messages", [])]
        answer = await _settled(handler(messages, _Params(**params), None))
        if not isinstance(answer, CreateMessageResult):
            answer = CreateMessageResult(content=TextContent(text=str(answer)), model="unknown")
        return answer.to_wire()

    async def _elicited(self, handler: ElicitationHandler, params: dict[str, Any]) -> dict[str, Any]:
        schema = params.get("requestedSchema") or {}
        kind = compile_schema(schema).kind if schema.get("properties") else None
        answer = await _settled(handler(params.get("message", ""), kind, _Params(**params), None))
        if isinstance(answer, ElicitResult):
            if answer.content is None:
                return answer.to_wire()
            return {"action": answer.action, "content": _as_content(answer.content, schema)}
        return {"action": "accept", "content": _as_content(answer, schema)}

    async def _rooted(self, roots: Roots) -> dict[str, Any]:
        found: Any = await _settled(roots(None)) if callable(roots) else roots
        return {"roots": [plain(root if isinstance(root, Root) else Root(uri=str(root))) for root in found]}


class _Params(Model):
    """A question's parameters, readable as attributes."""


def _as_content(answer: Any, schema: dict[str, Any]) -> dict[str, Any]:
    if answer is None:
        return {}
    if isinstance(answer, dict):
        return answer
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        return {key: value for key, value in dataclasses.asdict(answer).items() if value is not None}
    if hasattr(answer, "model_dump"):
        dumped: dict[str, Any] = answer.model_dump(mode="json")
        return dumped
    if list(schema.get("properties", {})) == ["value"]:
        return {"value": answer}
    raise TypeError(f"An elicitation handler answers with the fields asked for, not with {type(answer).__name__}.")


async def _settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


_OPTIONS = {
    "sampling/createMessage": "sampling_handler",
    "elicitation/create": "elicitation_handler",
    "roots/list": "roots",
}
