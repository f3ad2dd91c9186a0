"""Tools: functions a client may call (FASTMCP 1.3)."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal

from mcp_runtime.framework import types
from mcp_runtime.framework.components.base import (
    Component,
    FunctionComponent,
    P,
    R,
    Unset,
    UnsetType,
    given_name,
    plain_function,
)
from mcp_runtime.framework.context import Context, current_context
from mcp_runtime.framework.errors import ToolError, ValidationError
from mcp_runtime.framework.functions.arguments import Arguments
from mcp_runtime.framework.functions.calling import call_function
from mcp_runtime.framework.functions.docstrings import description_of
from mcp_runtime.framework.functions.results import ToolResult, as_result, output_schema_of
from mcp_runtime.framework.functions.schemas import Schema
from mcp_runtime.framework.functions.signature import Signature
from mcp_runtime.framework.running import TookTooLong
from mcp_runtime.framework.types import ToolAnnotations, plain

if TYPE_CHECKING:
    from mcp_runtime.framework.composition.transformed import TransformedTool

__all__ = ("FunctionTool", "Tool", "ToolResult")

_GUIDANCE = re.compile(r"[A-Za-z0-9_.-]{1,128}")
"""Tool names that every client takes (SEP-986)."""


class Tool(Component):
    """A tool with a schema of its own. Subclass it and write `run`, or make one from a function."""

    noun: ClassVar[str] = "tool"

    def __init__(
        self,
        *,
        name: str,
        parameters: Schema | None = None,
        output_schema: Schema | None = None,
        annotations: ToolAnnotations | Mapping[str, Any] | None = None,
        serializer: Callable[[Any], str] | None = None,
        **common: Any,
    ) -> None:
        super().__init__(name=name, **common)
        if not _GUIDANCE.fullmatch(name):
            import logging

            log = logging.getLogger(__name__)
            log.warning("The tool name %r may be refused by clients: letters, digits, _ - . and 128 at most.", name)
        self.annotations = None if annotations is None else ToolAnnotations.from_wire(annotations)
        if self.title is None and self.annotations is not None:
            self.title = self.annotations.title
        self.serializer = serializer
        if parameters is not None:
            self.parameters = parameters
        elif not hasattr(type(self), "parameters"):
            self.parameters = {"type": "object", "properties": {}}
        if output_schema is not None:
            self.output_schema = _checked_output_schema(output_schema)

    parameters: Schema
    """The JSON Schema of the arguments."""
    output_schema: Schema | None = None
    """The JSON Schema of the structured content; None when there is none."""

    @classmethod
    def from_function(cls, fn: Callable[..., Any], name: str | None = None, **options: Any) -> FunctionTool[..., Any]:
        """A tool made from a function, ready for `add_tool`; takes the options of `@mcp.tool`."""
        return FunctionTool(fn, name=name, **options)

    @classmethod
    def from_tool(cls, tool: Tool | Callable[..., Any], name: str | None = None, **changes: Any) -> TransformedTool:
        """A tool that calls `tool` under another name, with other arguments, or by way of `transform_fn` (K-09)."""
        from mcp_runtime.framework.composition.transformed import TransformedTool

        return TransformedTool(tool, name=name, **changes)

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        """Answer a call. Raise ToolError for what the client should read."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it does: give it an async run().")

    async def call(self, arguments: Mapping[str, Any], context: Context, *, strict: bool = False) -> ToolResult:
        """Answer a call inside a request."""
        result: Any = await self.run(dict(arguments))
        return as_result(result, schema=self.output_schema, serializer=self.serializer, name=self.name)

    def to_mcp_tool(self, **changes: Any) -> types.Tool:
        """What clients are told, as the protocol's type; `changes` replace members."""
        return types.Tool(**{**self.definition(), **changes})

    def definition(self, *, framework_meta: bool = True) -> dict[str, Any]:
        definition: dict[str, Any] = {"name": self.name, "inputSchema": self.parameters}
        if self.output_schema is not None:
            definition["outputSchema"] = self.output_schema
        if self.annotations is not None:
            definition["annotations"] = plain(self.annotations)
        if self.task is not None and self.task.mode != "forbidden":
            definition["execution"] = self.task.as_execution()
        return self._describe(definition, framework_meta=framework_meta)


class FunctionTool(FunctionComponent[P, R], Tool, Generic[P, R]):
    """A tool made from a function; schemas are worked out when first asked for."""

    def __init__(
        self,
        fn: Callable[P, R],
        *,
        name: str | None = None,
        description: str | None = None,
        output_schema: Schema | UnsetType | Literal[False] | None = Unset,
        exclude_args: Collection[str] | None = None,
        timeout: float | None = None,
        run_in_thread: bool = True,
        **common: Any,
    ) -> None:
        function = plain_function(fn, noun="tool")
        document = description_of(function)
        self._signature = Signature(function, noun="tool", hidden=exclude_args or ())
        self._arguments = Arguments(self._signature, document=document)
        if timeout is not None and timeout <= 0:
            raise ValueError("timeout= is a number of seconds above zero.")
        self.timeout = timeout
        self.run_in_thread = run_in_thread
        self._structure = output_schema is not None and output_schema is not False
        self._explicit_schema = (
            None if output_schema is None or isinstance(output_schema, (UnsetType, bool)) else output_schema
        )
        if self._explicit_schema is not None:
            _checked_output_schema(self._explicit_schema)
        super().__init__(
            name=given_name(name, function, noun="tool"),
            description=document if description is None else description,
            **common,
        )
        self._adopt(function)

    @functools.cached_property
    def parameters(self) -> Schema:  # type: ignore[override]  # worked out when first read, then an attribute
        return self._arguments.schema

    @functools.cached_property
    def output_schema(self) -> Schema | None:  # type: ignore[override]  # the same
        if not self._structure:
            return None
        return self._explicit_schema or output_schema_of(self._signature.returns)

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        return await self._run(arguments, current_context(), strict=False)

    async def call(self, arguments: Mapping[str, Any], context: Context, *, strict: bool = False) -> ToolResult:
        return await self._run(arguments, context, strict=strict)

    async def _run(self, arguments: Mapping[str, Any], context: Context | None, *, strict: bool) -> ToolResult:
        decode_texts = context is not None and context.fastmcp.decode_json_texts
        values = self._arguments.validate(arguments, strict=strict, decode_texts=decode_texts)
        try:
            value = await call_function(
                self._signature, values, context, threaded=self.run_in_thread, seconds=self.timeout
            )
        except TookTooLong as error:
            raise ToolError(f"Tool {self.name!r} did not finish within its {self.timeout:g} s.") from error
        result = as_result(
            value,
            schema=self.output_schema,
            structure=self._structure,
            serializer=self.serializer,
            name=self.name,
        )
        if result.input_required is not None:
            return result
        unstructured = result.structured_content is None and not isinstance(value, ToolResult)
        if unstructured and value is not None and self.output_schema is not None:
            raise ValidationError(f"its output schema promises an object, and it returned {type(value).__name__}")
        return result


def _checked_output_schema(schema: Schema) -> Schema:
    if schema.get("type") != "object":
        raise ValueError(
            'An output schema describes an object: {"type": "object", …}. Put other values under a name in one.'
        )
    return schema
