"""What a server offers: tools, resources, resource templates and prompts."""

from __future__ import annotations

from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.components.prompt import FunctionPrompt, Message, Prompt, PromptResult
from mcp_runtime.framework.components.resource import FunctionResource, Resource
from mcp_runtime.framework.components.static import (
    BinaryResource,
    DirectoryResource,
    FileResource,
    HttpResource,
    TextResource,
)
from mcp_runtime.framework.components.template import FunctionTemplate, ResourceTemplate
from mcp_runtime.framework.components.tool import FunctionTool, Tool, ToolResult

__all__ = (
    "BinaryResource",
    "Component",
    "DirectoryResource",
    "FileResource",
    "FunctionPrompt",
    "FunctionResource",
    "FunctionTemplate",
    "FunctionTool",
    "HttpResource",
    "Message",
    "Prompt",
    "PromptResult",
    "Resource",
    "ResourceTemplate",
    "TextResource",
    "Tool",
    "ToolResult",
)
