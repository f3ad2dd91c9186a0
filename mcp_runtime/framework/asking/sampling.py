"""`ctx.sample`: ask the client's model (FASTMCP C-08, PROTOCOL SA-01)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcp_runtime.framework.exchange import Exchange, ask
from mcp_runtime.framework.functions.results import as_blocks
from mcp_runtime.framework.types import (
    CreateMessageResult,
    ModelHint,
    ModelPreferences,
    SamplingMessage,
    TextContent,
    plain,
)

__all__ = ("SamplingMessages", "SamplingResult", "sample")

SamplingMessages = str | SamplingMessage | Iterable[str | SamplingMessage]

_MAX_TOKENS = 512


class SamplingResult:
    """What the model said: `.text`, `.result` (the same), `.content`, `.model`, and the `.history` with the answer."""

    def __init__(self, message: CreateMessageResult, asked: list[SamplingMessage]) -> None:
        blocks = message.content if isinstance(message.content, list) else [message.content]
        texts = [block.text for block in blocks if isinstance(block, TextContent)]
        self.text = "\n".join(texts) if texts else None
        self.result = self.text
        self.content = message.content
        self.model = message.model
        self.stop_reason = message.stop_reason
        self.history = [*asked, SamplingMessage(role=message.role, content=message.content)]

    def __repr__(self) -> str:
        return f"SamplingResult(text={self.text!r}, model={self.model!r})"


async def sample(
    exchange: Exchange,
    messages: SamplingMessages,
    *,
    system_prompt: str | None,
    temperature: float | None,
    max_tokens: int | None,
    model_preferences: Any,
) -> SamplingResult:
    """Put the messages to the client's model. Raises CannotAsk, or McpError when the client refuses."""
    asked = _messages(messages)
    params: dict[str, Any] = {"messages": plain(asked), "maxTokens": max_tokens or _MAX_TOKENS}
    if system_prompt is not None:
        params["systemPrompt"] = system_prompt
    if temperature is not None:
        params["temperature"] = temperature
    if model_preferences is not None:
        params["modelPreferences"] = _preferences(model_preferences).to_wire()
    answer = await ask(exchange, "sampling/createMessage", params)
    return SamplingResult(CreateMessageResult.from_wire(answer), asked)


def _messages(messages: SamplingMessages) -> list[SamplingMessage]:
    turns = [messages] if isinstance(messages, (str, SamplingMessage)) else list(messages)
    return [
        turn if isinstance(turn, SamplingMessage) else SamplingMessage(role="user", content=as_blocks(turn)[0])
        for turn in turns
    ]


def _preferences(preferences: Any) -> ModelPreferences:
    """A model's name, several names in order of preference, or the whole record."""
    if isinstance(preferences, ModelPreferences):
        return preferences
    if isinstance(preferences, str):
        preferences = [preferences]
    if isinstance(preferences, (list, tuple)) and all(isinstance(name, str) for name in preferences):
        return ModelPreferences(hints=[ModelHint(name=name) for name in preferences])
    raise TypeError("model_preferences= is a model's name, a list of names, or ModelPreferences(…).")
