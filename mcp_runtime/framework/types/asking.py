"""What a server asks of a client, and how a tool of later versions asks by returning (PROTOCOL 2.7, 2.12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from mcp_runtime.framework.types.base import Model

__all__ = (
    "CreateMessageRequest",
    "CreateMessageRequestParams",
    "ElicitRequest",
    "ElicitRequestFormParams",
    "ElicitRequestParams",
    "ElicitRequestURLParams",
    "InputRequiredResult",
    "ListRootsRequest",
    "SamplingCapability",
    "ToolChoice",
)


class ToolChoice(Model):
    """`mode` is auto, required or none."""

    mode: str = "auto"


class SamplingCapability(Model):
    """What a client declares about sampling: `tools` where its model may call tools."""

    context: dict[str, Any] | None = None
    tools: dict[str, Any] | None = None


class ElicitRequestFormParams(Model):
    """A form to fill in; `requested_schema` is a flat object."""

    mode: str = "form"
    message: str
    requested_schema: dict[str, Any]


ElicitRequestParams = ElicitRequestFormParams


class ElicitRequestURLParams(Model):
    """A page to open in a browser."""

    mode: str = "url"
    message: str
    url: str
    elicitation_id: str | None = None


class CreateMessageRequestParams(Model):
    messages: list[Any]
    max_tokens: int
    model_preferences: Any = None
    system_prompt: str | None = None
    include_context: str | None = None
    temperature: float | None = None
    stop_sequences: list[str] | None = None
    metadata: dict[str, Any] | None = None
    tools: list[Any] | None = None
    tool_choice: Any = None


class _Request(Model):
    method: str
    params: Any = None


class ElicitRequest(_Request):
    method: str = "elicitation/create"
    params: Any


class CreateMessageRequest(_Request):
    method: str = "sampling/createMessage"
    params: Any


class ListRootsRequest(_Request):
    method: str = "roots/list"


class InputRequiredResult(Model):
    """Returned by a tool, resource or prompt that needs answers first; it is then called again with
    `ctx.input_responses` and `ctx.request_state` (PROTOCOL MR-01)."""

    result_type: str = "input_required"
    input_requests: dict[str, Any] | None = None
    request_state: str | None = None
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"input_requests": dict}

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if not self.input_requests and self.request_state is None:
            raise ValueError("InputRequiredResult needs input_requests=, request_state= or both.")
