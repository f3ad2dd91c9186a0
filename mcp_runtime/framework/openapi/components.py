"""The components that operations become."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from mcp_runtime.framework.components.resource import Resource
from mcp_runtime.framework.components.template import ResourceTemplate
from mcp_runtime.framework.components.tool import Tool, ToolResult
from mcp_runtime.framework.context import Context
from mcp_runtime.framework.errors import ResourceError, ToolError
from mcp_runtime.framework.functions.schemas import Schema
from mcp_runtime.framework.openapi.calling import Answer, Operation
from mcp_runtime.framework.resource_contents import ResourceContent, ResourceResult
from mcp_runtime.framework.types import BlobResourceContents, EmbeddedResource, TextContent

__all__ = ("OpenAPIResource", "OpenAPIResourceTemplate", "OpenAPITool")

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class OpenAPITool(Tool):
    """An operation as a tool. Its schemas are worked out when they are first asked for."""

    def __init__(self, operation: Operation, *, name: str, promises_output: bool = True, **common: Any) -> None:
        super().__init__(
            name=name,
            annotations={"readOnlyHint": True} if operation.route.method in _READING else None,
            **common,
        )
        self.route = operation.route
        self._operation = operation
        self._promises_output = promises_output

    @functools.cached_property
    def parameters(self) -> Schema:  # type: ignore[override]  # worked out when first read
        return self._operation.schema

    @functools.cached_property
    def output_schema(self) -> Schema | None:  # type: ignore[override]  # the same
        return self._operation.output_schema(promised=self._promises_output)

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        answer = await self._operation.call(arguments)
        if not answer.content:
            return self._result({}) if self.output_schema is not None else ToolResult([])
        if not answer.is_text:
            return ToolResult([_embedded(answer, self.name)])
        try:
            return self._result(answer.json())
        except ValueError:
            if self.output_schema is not None:
                raise ToolError(
                    f"The API promised JSON, and answered {answer.content_type or 'something else'}: "
                    f"{answer.text[:_LONGEST_SHOWN]}"
                ) from None
            return ToolResult([TextContent(text=answer.text)])

    async def call(self, arguments: Mapping[str, Any], context: Context, *, strict: bool = False) -> ToolResult:
        return await self.run(dict(arguments))

    def _result(self, value: Any) -> ToolResult:
        wraps = self.output_schema is not None and self.output_schema.get("x-fastmcp-wrap-result")
        if isinstance(value, dict) and not wraps:
            return ToolResult(structured_content=value)
        wrapped = {"result": value}
        return ToolResult(
            value if isinstance(value, str) else _json(value), wrapped, {"fastmcp": {"wrap_result": True}}
        )


class OpenAPIResource(Resource):
    """An operation as a resource."""

    def __init__(self, operation: Operation, *, uri: str, name: str, **common: Any) -> None:
        super().__init__(uri=uri, name=name, mime_type=operation.route.response_type or "application/json", **common)
        self.route = operation.route
        self._operation = operation

    async def read(self) -> Any:
        return await _read(self._operation, {})


class OpenAPIResourceTemplate(ResourceTemplate):
    """An operation with path parameters as a resource template."""

    def __init__(self, operation: Operation, *, uri_template: str, name: str, **common: Any) -> None:
        super().__init__(
            uri_template=uri_template,
            name=name,
            mime_type=operation.route.response_type or "application/json",
            **common,
        )
        self.route = operation.route
        self._operation = operation

    async def read(self, arguments: dict[str, Any]) -> Any:
        return await _read(self._operation, arguments)


_LONGEST_SHOWN = 500


async def _read(operation: Operation, arguments: dict[str, Any]) -> ResourceResult:
    try:
        answer = await operation.call(arguments)
    except ToolError as error:
        raise ResourceError(str(error)) from error
    content: str | bytes = answer.text if answer.is_text else answer.content
    return ResourceResult([ResourceContent(content, answer.content_type or None)])


def _embedded(answer: Answer, name: str) -> EmbeddedResource:
    import base64

    return EmbeddedResource(
        resource=BlobResourceContents(
            uri=f"resource:///{name}",
            mime_type=answer.content_type,
            blob=base64.b64encode(answer.content).decode("ascii"),
        )
    )


def _json(value: Any) -> list[TextContent]:
    import json

    return [TextContent(text=json.dumps(value, ensure_ascii=False, separators=(",", ":")))]
