"""What a client does with what a server sends while it answers: log messages, progress, questions."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from mcp_runtime.client.messages import MessageHandler, ServerMessage
from mcp_runtime.client.rebuild import compile_schema
from mcp_runtime.framework.asking.models import answered_by
from mcp_runtime.framework.exchange import CannotAsk
from mcp_runtime.framework.types import ElicitResult, Model, Root, SamplingCapability, SamplingMessage, plain

if TYPE_CHECKING:
    from mcp_runtime.client.tasks import ToolTask

__all__ = (
    "ElicitationHandler",
    "Handlers",
    "LogHandler",
    "LogMessage",
    "ProgressHandler",
    "RequestContext",
    "Roots",
    "SamplingHandler",
)

_log = logging.getLogger(__name__)


class LogMessage(Model):
    """Parameters of `notifications/message`; `data` is `{"msg": …, "extra": …}` from our own servers."""

    level: str
    logger: str | None = None
    data: Any = None


class RequestContext(Model):
    """What a handler is told about the question beside its parameters."""

    method: str
    meta: dict[str, Any] | None = None


LogHandler = Callable[[LogMessage], Awaitable[None] | None]
ProgressHandler = Callable[[float, float | None, str | None], Awaitable[None] | None]
MessageCallback = MessageHandler | Callable[[ServerMessage], Awaitable[None] | None]
SamplingHandler = Callable[[list[SamplingMessage], Any, Any], Any]
ElicitationHandler = Callable[[str, Any, Any, Any], Any]
Roots = Sequence[str | Root] | Callable[..., Any]


@dataclass
class Handlers:
    """A client's handlers, and what they let it declare as its capabilities."""

    log: LogHandler | None = None
    progress: ProgressHandler | None = None
    message: MessageCallback | None = None
    sampling: SamplingHandler | None = None
    sampling_capabilities: SamplingCapability | Mapping[str, Any] | None = None
    elicitation: ElicitationHandler | None = None
    roots: Roots | None = None
    log_level: str = "debug"
    """The lowest level of log messages asked for, where there is a handler for them."""
    tasks: WeakValueDictionary[str, ToolTask] = field(default_factory=WeakValueDictionary)
    """Those of this client that somebody still looks at."""

    @property
    def capabilities(self) -> dict[str, Any]:
        """A ClientCapabilities object."""
        declared: dict[str, Any] = {}
        if self.sampling is not None:
            given = self.sampling_capabilities
            declared["sampling"] = {"tools": {}} if given is None else plain(given)
        if self.elicitation is not None:
            declared["elicitation"] = {"form": {}, "url": {}}
        if self.roots is not None:
            declared["roots"] = {"listChanged": True}
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
            elif method in ("notifications/tasks", "notifications/tasks/status"):
                task = self.tasks.get(str(params.get("taskId")))
                if task is not None:
                    task.told(params)
            if self.message is not None:
                await _settled(self.message(ServerMessage(method=method, params=params)))
        except Exception:  # noqa: BLE001 - the handler is the program's own code, and this call is not its caller
            _log.exception("The client's handler of %s failed", method)

    async def asked(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Answer a question of the server. Raises CannotAsk for what this client has no handler for."""
        context = RequestContext(method=method, meta=params.get("_meta"))
        if method == "sampling/createMessage" and self.sampling is not None:
            return await answered_by(self.sampling, params, context)
        if method == "elicitation/create" and self.elicitation is not None:
            return await self._elicited(self.elicitation, params, context)
        if method == "roots/list" and self.roots is not None:
            return await self._rooted(self.roots, context)
        option = _OPTIONS.get(method)
        raise CannotAsk(
            f"The client cannot answer {method}" + (f": give it {option}=." if option else ": it does not know it.")
        )

    async def _elicited(self, handler: ElicitationHandler, params: dict[str, Any], context: Any) -> dict[str, Any]:
        schema = params.get("requestedSchema") or {}
        kind = compile_schema(schema).kind if schema.get("properties") else None
        answer = await _settled(handler(params.get("message", ""), kind, _Params(**params), context))
        if not isinstance(answer, ElicitResult):
            answer = ElicitResult(action="accept", content=answer)
        if answer.action != "accept":
            return {"action": answer.action}
        if params.get("mode") == "url":
            return {"action": "accept"}
        return {"action": "accept", "content": _defaults(schema) | _as_content(answer.content, schema)}

    async def _rooted(self, roots: Roots, context: Any) -> dict[str, Any]:
        found: Any = await _settled(roots(context)) if callable(roots) else roots
        return {"roots": [plain(root if isinstance(root, Root) else Root(uri=str(root))) for root in found]}


class _Params(Model):
    """A question's parameters, readable as attributes."""

    mode: str = "form"
    message: str = ""
    requested_schema: dict[str, Any] | None = None
    url: str | None = None
    elicitation_id: str | None = None


def _defaults(schema: dict[str, Any]) -> dict[str, Any]:
    """What the form itself says for fields left open (PROTOCOL EL-01)."""
    fields: dict[str, Any] = schema.get("properties") or {}
    return {name: field["default"] for name, field in fields.items() if isinstance(field, dict) and "default" in field}


def _as_content(answer: Any, schema: dict[str, Any]) -> dict[str, Any]:
    if answer is None:
        return {}
    if isinstance(answer, dict):
        return answer
    if hasattr(answer, "__dataclass_fields__") and not isinstance(answer, type):
        import dataclasses

        return {key: value for key, value in dataclasses.asdict(answer).items() if value is not None}
    if hasattr(answer, "model_dump"):
        dumped: dict[str, Any] = answer.model_dump(mode="json", exclude_none=True)
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
