"""Messages, and the results of requests as clients receive them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from mcp_runtime.framework.types.base import Model
from mcp_runtime.framework.types.content import content_from_wire, resource_contents_from_wire
from mcp_runtime.framework.types.definitions import Implementation, Root

__all__ = (
    "CallToolResult",
    "CreateMessageResult",
    "ElicitResult",
    "ErrorData",
    "GetPromptResult",
    "InitializeResult",
    "ListRootsResult",
    "ModelHint",
    "ModelPreferences",
    "PromptMessage",
    "ReadResourceResult",
    "SamplingMessage",
)


def _contents(value: Any) -> Any:
    return [content_from_wire(item) for item in value] if isinstance(value, list) else content_from_wire(value)


class PromptMessage(Model):
    """One turn of a prompt's conversation; `content` is one block."""

    role: str
    content: Any

    _nested: ClassVar[Mapping[str, Any]] = {"content": content_from_wire}


class SamplingMessage(Model):
    """One turn of a conversation to sample from; `content` is a block or a list of blocks."""

    role: str
    content: Any
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"content": _contents}


class ModelHint(Model):
    name: str | None = None


class ModelPreferences(Model):
    hints: list[ModelHint] | None = None
    cost_priority: float | None = None
    speed_priority: float | None = None
    intelligence_priority: float | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"hints": lambda values: [ModelHint.from_wire(value) for value in values]}


class CreateMessageResult(Model):
    role: str = "assistant"
    content: Any
    model: str
    stop_reason: str | None = None
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"content": _contents}


class ElicitResult(Model):
    """`action` is accept, decline or cancel."""

    action: str
    content: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None


class ListRootsResult(Model):
    roots: list[Root]
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"roots": lambda values: [Root.from_wire(value) for value in values]}


class InitializeResult(Model):
    """What a server says when a client connects; made from `server/discover` for modern servers."""

    protocol_version: str
    capabilities: dict[str, Any]
    server_info: Implementation
    instructions: str | None = None
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"server_info": Implementation.from_wire}


class CallToolResult(Model):
    """A tool's answer as the protocol spells it; the client's own result class adds `data`."""

    content: list[Any]
    structured_content: Any = None
    is_error: bool = False
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"content": _contents}


class ReadResourceResult(Model):
    contents: list[Any]
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {
        "contents": lambda values: [resource_contents_from_wire(value) for value in values]
    }


class GetPromptResult(Model):
    description: str | None = None
    messages: list[PromptMessage]
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {
        "messages": lambda values: [PromptMessage.from_wire(value) for value in values]
    }


class ErrorData(Model):
    """A JSON-RPC error as older SDKs build it: `McpError(ErrorData(code=…, message=…))`."""

    code: int
    message: str
    data: Any = None
