"""`ctx.sample`: ask the client's model, or the server's own where the client has none (FASTMCP C-08, PROTOCOL SA-01).

With `tools`, the model may call functions of the server on its way to the answer; with `result_type`, the answer is a
value of that type, which the model gives by calling a tool made for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.asking.models import Model, SamplingMessages, as_messages, as_preferences, model_for
from mcp_runtime.framework.asking.sampling_tools import FinalAnswer, SamplingTools
from mcp_runtime.framework.errors import ToolError, ValidationError
from mcp_runtime.framework.types import CreateMessageResult, SamplingMessage, TextContent, ToolUseContent, plain

if TYPE_CHECKING:
    from mcp_runtime.framework.context import Context

__all__ = ("SampleStep", "SamplingResult", "sample", "sample_step")

_MAX_TOKENS = 512
_MOST_ROUNDS = 100
"""How often a model may call tools before `sample` gives up (FASTMCP C-08, PROTOCOL SA-02)."""


class SamplingResult:
    """What the model said: `.text`, `.result` (the text, or the value of `result_type`), and the `.history`."""

    def __init__(self, message: CreateMessageResult, history: list[SamplingMessage], result: Any = None) -> None:
        self.text = _text(message)
        self.result = self.text if result is None else result
        self.content = message.content
        self.model = message.model
        self.stop_reason = message.stop_reason
        self.history = history

    def __repr__(self) -> str:
        return f"SamplingResult(text={self.text!r}, result={self.result!r}, model={self.model!r})"


class SampleStep:
    """One answer of the model: `.is_tool_use` says whether it wants tools called; `.history` goes into the next."""

    def __init__(self, message: CreateMessageResult, history: list[SamplingMessage]) -> None:
        self.response = message
        self.text = _text(message)
        self.tool_calls = _tool_calls(message)
        self.is_tool_use = bool(self.tool_calls)
        self.history = history


async def sample(
    context: Context,
    messages: SamplingMessages,
    *,
    tools: Iterable[Any] | None = None,
    result_type: Any = None,
    seconds: float | None = None,
    **options: Any,
) -> SamplingResult:
    """Put the messages to a model until it answers.

    Raises CannotAsk, NoAnswer, McpError when the client refuses, ToolError when the model never stops calling tools,
    ValidationError when it does not give a value of `result_type`.
    """
    final = None if result_type is None or result_type is str else FinalAnswer(result_type)
    kit = SamplingTools(context, tools or (), final)
    ask = model_for(context, tools=bool(kit), seconds=seconds)
    history = as_messages(messages)
    for _ in range(_MOST_ROUNDS):
        answer = await _put(ask, history, kit, **options)
        history = [*history, SamplingMessage(role=answer.role, content=answer.content)]
        calls = _tool_calls(answer)
        if not calls:
            return SamplingResult(answer, history, None if final is None else final.from_text(_text(answer)))
        results = await kit.run(calls)
        if final is not None and final.given:
            return SamplingResult(answer, history, final.value)
        history = [*history, SamplingMessage(role="user", content=results)]
    raise ToolError(f"The model called tools {_MOST_ROUNDS} times without answering; sampling was given up.")


async def sample_step(
    context: Context,
    messages: SamplingMessages,
    *,
    tools: Iterable[Any] | None = None,
    execute_tools: bool = True,
    seconds: float | None = None,
    **options: Any,
) -> SampleStep:
    """One round of `sample`. With `execute_tools`, the results of its tool calls are in the history."""
    kit = SamplingTools(context, tools or (), None)
    history = as_messages(messages)
    answer = await _put(model_for(context, tools=bool(kit), seconds=seconds), history, kit, **options)
    step = SampleStep(answer, [*history, SamplingMessage(role=answer.role, content=answer.content)])
    if step.is_tool_use and execute_tools:
        step.history.append(SamplingMessage(role="user", content=await kit.run(step.tool_calls)))
    return step


async def _put(
    ask: Model,
    history: list[SamplingMessage],
    kit: SamplingTools,
    *,
    system_prompt: str | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    model_preferences: Any = None,
    tool_choice: str | None = None,
) -> CreateMessageResult:
    params: dict[str, Any] = {"messages": plain(history), "maxTokens": max_tokens or _MAX_TOKENS}
    if system_prompt is not None:
        params["systemPrompt"] = system_prompt
    if temperature is not None:
        params["temperature"] = temperature
    if model_preferences is not None:
        params["modelPreferences"] = as_preferences(model_preferences).to_wire()
    if kit:
        params["tools"] = kit.definitions()
        params["toolChoice"] = {"mode": tool_choice or kit.choice}
    answer = await ask(params)
    try:
        return CreateMessageResult.from_wire(answer)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValidationError(f"The client's answer to sampling/createMessage is not a message: {error}") from error


def _blocks(message: CreateMessageResult) -> list[Any]:
    return message.content if isinstance(message.content, list) else [message.content]


def _text(message: CreateMessageResult) -> str | None:
    texts = [block.text for block in _blocks(message) if isinstance(block, TextContent)]
    return "\n".join(texts) if texts else None


def _tool_calls(message: CreateMessageResult) -> list[ToolUseContent]:
    return [block for block in _blocks(message) if isinstance(block, ToolUseContent)]
