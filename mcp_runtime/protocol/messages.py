"""Results and notifications as typed structs, for what comes from servers we do not trust (PROTOCOL 2.2, 2.4).

Read shallowly: the parts we must know are typed, the parts we pass on stay `msgspec.Raw` (give them to
`codec.sound` before they go out). Members that are not listed are dropped, so a server cannot set `resultType`,
`ttlMs` or anything else that is the gateway's to say. Tagged unions refuse content of unknown type. Members that
are UNSET are left out of what is written.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

Meta: TypeAlias = dict[str, Raw] | UnsetType
LogLevel: TypeAlias = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
LOG_LEVELS: tuple[LogLevel, ...] = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""Syslog's, lowest first."""
LEVEL_RANK: dict[str, int] = {level: rank for rank, level in enumerate(LOG_LEVELS)}


class Annotations(msgspec.Struct, rename="camel"):
    audience: list[Literal["user", "assistant"]] | UnsetType = UNSET
    priority: float | UnsetType = UNSET
    last_modified: str | UnsetType = UNSET


class Icon(msgspec.Struct, rename="camel"):
    src: str
    mime_type: str | UnsetType = UNSET
    sizes: list[str] | UnsetType = UNSET
    theme: str | UnsetType = UNSET


class _Block(msgspec.Struct, rename="camel", tag_field="type", kw_only=True):
    annotations: Annotations | UnsetType = UNSET
    meta: Meta = msgspec.field(name="_meta", default=UNSET)


class Text(_Block, tag="text"):
    text: str


class Image(_Block, tag="image"):
    data: str
    mime_type: str


class Audio(_Block, tag="audio"):
    data: str
    mime_type: str


class ResourceContents(msgspec.Struct, rename="camel", kw_only=True):
    """Text or a blob; exactly one, which `has_one_body` says."""

    uri: str
    mime_type: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    blob: str | UnsetType = UNSET
    meta: Meta = msgspec.field(name="_meta", default=UNSET)

    @property
    def has_one_body(self) -> bool:
        return (self.text is UNSET) != (self.blob is UNSET)


class EmbeddedResource(_Block, tag="resource"):
    resource: ResourceContents


class ResourceLink(_Block, tag="resource_link"):
    uri: str
    name: str
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    mime_type: str | UnsetType = UNSET
    size: int | UnsetType = UNSET
    icons: list[Icon] | UnsetType = UNSET


Block: TypeAlias = Text | Image | Audio | EmbeddedResource | ResourceLink


class ToolResult(msgspec.Struct, rename="camel", kw_only=True):
    content: list[Block] = []
    structured_content: Raw | UnsetType = UNSET
    is_error: bool | UnsetType = UNSET
    meta: Meta = msgspec.field(name="_meta", default=UNSET)
    result_type: Literal["complete"] | UnsetType = UNSET


class ReadResult(msgspec.Struct, rename="camel", kw_only=True):
    contents: list[ResourceContents]
    meta: Meta = msgspec.field(name="_meta", default=UNSET)
    result_type: Literal["complete"] | UnsetType = UNSET
    ttl_ms: int | UnsetType = UNSET
    cache_scope: Literal["public", "private"] | UnsetType = UNSET


class PromptMessage(msgspec.Struct):
    role: Literal["user", "assistant"]
    content: Block


class PromptResult(msgspec.Struct, rename="camel", kw_only=True):
    messages: list[PromptMessage]
    description: str | UnsetType = UNSET
    meta: Meta = msgspec.field(name="_meta", default=UNSET)
    result_type: Literal["complete"] | UnsetType = UNSET


class Question(msgspec.Struct, omit_defaults=True):
    """What a server wants to know from the client before it goes on (PROTOCOL 2.7)."""

    method: Literal["elicitation/create", "sampling/createMessage", "roots/list"]
    params: Raw | UnsetType = UNSET


class InputRequired(msgspec.Struct, rename="camel", kw_only=True, omit_defaults=True):
    """The answer to a call that cannot go on without the client's answers (MR-01)."""

    result_type: Literal["input_required"]
    input_requests: dict[str, Question] = {}
    request_state: str | None = None
    meta: Meta = msgspec.field(name="_meta", default=UNSET)


Result: TypeAlias = ToolResult | ReadResult | PromptResult


class Progress(msgspec.Struct, omit_defaults=True):
    """Parameters of `notifications/progress`; a worker leaves the token out."""

    progress: int | float
    total: int | float | None = None
    message: str | None = None
    progress_token: str | int | UnsetType = msgspec.field(name="progressToken", default=UNSET)


class LogMessage(msgspec.Struct, omit_defaults=True):
    """Parameters of `notifications/message`."""

    level: LogLevel
    data: Raw
    logger: str | None = None


class ErrorBody(msgspec.Struct, omit_defaults=True):
    code: int
    message: str
    data: object = None


class ResultMessage(msgspec.Struct):
    """An answer. `id` is echoed as it came."""

    id: str | int | float
    result: object
    jsonrpc: Literal["2.0"] = "2.0"


class ErrorMessage(msgspec.Struct):
    """An answer that is an error. Without an id (UNSET) the request could not be read (B-01)."""

    error: dict[str, object]
    id: str | int | float | UnsetType = UNSET
    jsonrpc: Literal["2.0"] = "2.0"


class NotificationMessage(msgspec.Struct):
    method: str
    params: object
    jsonrpc: Literal["2.0"] = "2.0"
