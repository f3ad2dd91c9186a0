"""Prompts and resources for clients that know tools only (a later word; FASTMCP 2.2).

    mcp.add_transform(PromptsAsTools(mcp))        list_prompts, get_prompt
    mcp.add_transform(ResourcesAsTools(mcp))      list_resources, read_resource

The tools go by way of the server: its middleware, `auth=` and the session's rules hold as for everybody.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from mcp_runtime.framework.components.tool import FunctionTool, Tool
from mcp_runtime.framework.composition.sources import Kind
from mcp_runtime.framework.composition.transforms import Transform
from mcp_runtime.framework.context import Context
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.protocol.errors import UnknownPrompt, UnknownResource

__all__ = ("PromptsAsTools", "ResourcesAsTools")


class _MoreTools(Transform):
    """Tools beside those there are."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._more = tools

    def apply(self, kind: Kind, components: Sequence[Any]) -> Sequence[Any]:
        return [*components, *self._more] if kind == "tools" else components

    async def applied(self, kind: Kind, components: Sequence[Any]) -> Sequence[Any]:
        return self.apply(kind, components)


class PromptsAsTools(_MoreTools):
    """`provider` is the server; the tools answer for whichever server they are listed by."""

    def __init__(self, provider: Any = None) -> None:
        super().__init__([FunctionTool(list_prompts), FunctionTool(get_prompt)])


class ResourcesAsTools(_MoreTools):
    """The same for resources and templates."""

    def __init__(self, provider: Any = None) -> None:
        looks = {"readOnlyHint": True}
        super().__init__(
            [FunctionTool(list_resources, annotations=looks), FunctionTool(read_resource, annotations=looks)]
        )


async def list_prompts(ctx: Context) -> str:
    """List the prompts there are, as JSON: their names, descriptions and arguments."""
    return _json(
        [
            {
                "name": prompt.name,
                "description": prompt.description,
                "arguments": [
                    {"name": one.name, "description": one.description, "required": bool(one.required)}
                    for one in prompt.arguments or ()
                ],
            }
            for prompt in await ctx.list_prompts()
        ]
    )


async def get_prompt(
    name: Annotated[str, Field(description="The prompt's name.")],
    ctx: Context,
    arguments: Annotated[dict[str, Any] | None, Field(description="Its arguments, by name.")] = None,
) -> str:
    """Render a prompt. Its messages come as JSON."""
    try:
        result = await ctx.get_prompt(name, arguments)
    except UnknownPrompt as error:  # the model named it, and can name another
        raise ToolError(error.message) from None
    return _json(
        {
            "messages": [
                {"role": message.role, "content": getattr(message.content, "text", None) or _wire(message.content)}
                for message in result.messages
            ]
        }
    )


async def list_resources(ctx: Context) -> str:
    """List the resources there are, as JSON. A `uri_template` has parameters in braces, to be filled in."""
    resources: list[dict[str, Any]] = [
        {"uri": one.uri, "name": one.name, "description": one.description, "mime_type": one.mime_type}
        for one in await ctx.list_resources()
    ]
    templates: list[dict[str, Any]] = [
        {"uri_template": one.uri_template, "name": one.name, "description": one.description}
        for one in await ctx.list_resource_templates()
    ]
    return _json(resources + templates)


async def read_resource(
    uri: Annotated[str, Field(description="The resource's URI, a template's parameters filled in.")], ctx: Context
) -> str:
    """Read a resource. What is no text comes as Base64."""
    try:
        contents = await ctx.read_resource(uri)
    except UnknownResource as error:
        raise ToolError(error.message) from None
    parts = [
        base64.b64encode(one.content).decode() if isinstance(one.content, bytes) else str(one.content)
        for one in contents
    ]
    return parts[0] if len(parts) == 1 else _json(parts)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _wire(block: Any) -> Any:
    return block.to_wire() if hasattr(block, "to_wire") else block
