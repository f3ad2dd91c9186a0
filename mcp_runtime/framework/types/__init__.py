"""The protocol's values as authors build and read them; importable as `mcp.types` inside sandboxes."""

from __future__ import annotations

from mcp_runtime.framework.types.base import Model, plain
from mcp_runtime.framework.types.content import (
    Annotations,
    AudioContent,
    BlobResourceContents,
    ContentBlock,
    EmbeddedResource,
    Icon,
    ImageContent,
    ResourceContents,
    ResourceLink,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
    content_from_wire,
    resource_contents_from_wire,
)
from mcp_runtime.framework.types.definitions import (
    Implementation,
    Prompt,
    PromptArgument,
    Resource,
    ResourceTemplate,
    Root,
    Tool,
)
from mcp_runtime.framework.types.results import (
    CallToolResult,
    CreateMessageResult,
    ElicitResult,
    ErrorData,
    GetPromptResult,
    InitializeResult,
    ListRootsResult,
    ModelHint,
    ModelPreferences,
    PromptMessage,
    ReadResourceResult,
    SamplingMessage,
)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

__all__ = (
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "PARSE_ERROR",
    "Annotations",
    "AudioContent",
    "BlobResourceContents",
    "CallToolResult",
    "ContentBlock",
    "CreateMessageResult",
    "ElicitResult",
    "EmbeddedResource",
    "ErrorData",
    "GetPromptResult",
    "Icon",
    "ImageContent",
    "Implementation",
    "InitializeResult",
    "ListRootsResult",
    "Model",
    "ModelHint",
    "ModelPreferences",
    "Prompt",
    "PromptArgument",
    "PromptMessage",
    "ReadResourceResult",
    "Resource",
    "ResourceContents",
    "ResourceLink",
    "ResourceTemplate",
    "Root",
    "SamplingMessage",
    "TextContent",
    "TextResourceContents",
    "Tool",
    "ToolAnnotations",
    "content_from_wire",
    "plain",
    "resource_contents_from_wire",
)
