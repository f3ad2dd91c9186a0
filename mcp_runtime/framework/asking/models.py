"""Who answers a sampling request: the client's model, or a handler of the server's own (FASTMCP S-11, C-08)."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.exchange import ask, can_answer
from mcp_runtime.framework.functions.results import as_blocks
from mcp_runtime.framework.types import (
    CreateMessageRequestParams,
    CreateMessageResult,
    ModelHint,
    ModelPreferences,
    SamplingMessage,
    TextContent,
    content_from_wire,
)

if TYPE_CHECKING:
    from mcp_runtime.framework.context import Context

__all__ = ("Model", "SamplingMessages", "answered_by", "as_messages", "as_preferences", "model_for")

Model = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
SamplingMessages = str | SamplingMessage | Iterable[str | SamplingMessage]
_METHOD = "sampling/createMessage"


def model_for(context: Context, *, tools: bool, seconds: float | None) -> Model:
    """The model that this request may use.

    The server's `sampling_handler` answers always where `sampling_handler_behavior` is "always"; otherwise where the
    client declared that it cannot sample, or not with tools.
    """
    server, exchange = context.fastmcp, context.exchange
    handler = getattr(server, "sampling_handler", None)
    needs = "tools" if tools else None
    if handler is not None:
        always = getattr(server, "sampling_handler_behavior", None) == "always"
        if always or not can_answer(exchange, _METHOD, needs=needs):
            return lambda params: answered_by(handler, params, context)
    return lambda params: ask(exchange, _METHOD, params, needs=needs, seconds=seconds)


async def answered_by(handler: Callable[..., Any], params: dict[str, Any], context: Any) -> dict[str, Any]:
    """The answer of a sampling handler, which may be a text, content or a whole result."""
    messages = [SamplingMessage.from_wire(message) for message in params.get("messages", [])]
    answer = handler(messages, CreateMessageRequestParams(**params), context)
    if inspect.isawaitable(answer):
        answer = await answer
    if isinstance(answer, dict) and "content" in answer:
        return answer
    if not isinstance(answer, CreateMessageResult):
        content = answer if hasattr(answer, "to_wire") else TextContent(text=str(answer))
        answer = CreateMessageResult(content=content, model="unknown", stop_reason="endTurn")
    return answer.to_wire()


def as_messages(messages: SamplingMessages) -> list[SamplingMessage]:
    """A conversation; a text is the user's turn."""
    turns = [messages] if isinstance(messages, (str, SamplingMessage, dict)) else list(messages)
    return [_message(turn) for turn in turns]


def _message(turn: Any) -> SamplingMessage:
    if isinstance(turn, SamplingMessage):
        return turn
    if isinstance(turn, dict) and "role" in turn:
        content = turn.get("content")
        return SamplingMessage(
            role=turn["role"], content=TextContent(text=content) if isinstance(content, str) else content
        )
    if hasattr(turn, "role") and hasattr(turn, "content"):  # a PromptMessage or a Message
        return SamplingMessage(role=turn.role, content=content_from_wire(turn.content))
    return SamplingMessage(role="user", content=as_blocks(turn)[0])


def as_preferences(preferences: Any) -> ModelPreferences:
    """A model's name, several names in order of preference, or the whole record."""
    if isinstance(preferences, ModelPreferences):
        return preferences
    if isinstance(preferences, str):
        preferences = [preferences]
    if isinstance(preferences, (list, tuple)) and all(isinstance(name, str) for name in preferences):
        return ModelPreferences(hints=[ModelHint(name=name) for name in preferences])
    if isinstance(preferences, dict):
        return ModelPreferences(**preferences)
    raise TypeError("model_preferences= is a model's name, a list of names, or ModelPreferences(…).")
