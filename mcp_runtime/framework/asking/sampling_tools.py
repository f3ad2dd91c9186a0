"""Tools that a sampled model may call, and the one by which it gives a typed answer (FASTMCP C-08, PROTOCOL SA-02)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.errors import ValidationError
from mcp_runtime.framework.functions.schemas import Schema, tidy
from mcp_runtime.framework.functions.typed_dicts import readable
from mcp_runtime.framework.types import ToolResultContent, ToolUseContent, plain

if TYPE_CHECKING:
    from mcp_runtime.framework.components.tool import Tool
    from mcp_runtime.framework.context import Context

__all__ = ("FinalAnswer", "SamplingTools")

_FINAL = "final_response"


class SamplingTools:
    """What one sampling offers to the model. False when that is nothing."""

    def __init__(self, context: Context, tools: Iterable[Any], final: FinalAnswer | None) -> None:
        self._context = context
        self._final = final
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            made = _as_tool(tool)
            if made.name in self._tools or (final is not None and made.name == _FINAL):
                raise ValueError(f"Two tools for the model are called {made.name!r}.")
            self._tools[made.name] = made

    def __bool__(self) -> bool:
        return bool(self._tools) or self._final is not None

    @property
    def choice(self) -> str:
        """A typed answer comes by a tool, so that one must be called."""
        return "auto" if self._final is None else "required"

    def definitions(self) -> list[dict[str, Any]]:
        found = [
            {"name": tool.name, "description": tool.description or "", "inputSchema": tool.parameters}
            for tool in self._tools.values()
        ]
        return found if self._final is None else [*found, self._final.definition()]

    async def run(self, calls: list[ToolUseContent]) -> list[ToolResultContent]:
        """A result for each call, in order. A tool that fails tells the model so, and the conversation goes on."""
        return [await self._run(call) for call in calls]

    async def _run(self, call: ToolUseContent) -> ToolResultContent:
        if self._final is not None and call.name == _FINAL:
            return _answer(call, *self._final.take(call.input))
        tool = self._tools.get(call.name)
        if tool is None:
            return _answer(call, f"There is no tool {call.name!r}; there is {', '.join(self._tools) or 'none'}.", True)
        from mcp_runtime.framework.failures import as_tool_result
        from mcp_runtime.protocol.errors import McpError

        try:
            result = await tool.call(call.input, self._context)
        except McpError as error:
            return _answer(call, str(error), True)
        except Exception as error:  # noqa: BLE001 - an author's tool may raise anything, and the model should know
            failed = as_tool_result(error, name=call.name, masked=self._context.fastmcp.mask_error_details)
            return _answer(call, failed["content"][0]["text"], True)
        return ToolResultContent(
            tool_use_id=call.id,
            content=plain(result.content),
            structured_content=result.structured_content,
            is_error=result.is_error or None,
        )


class FinalAnswer:
    """The typed value that a sampling is after."""

    def __init__(self, kind: Any) -> None:
        from pydantic import TypeAdapter

        self._kind = kind
        self._adapter: TypeAdapter[Any] = TypeAdapter(readable(kind))
        schema = tidy(self._adapter.json_schema())
        self._wrapped = schema.get("type") != "object"
        if self._wrapped:
            definitions = schema.pop("$defs", None)
            schema = {"type": "object", "properties": {"value": schema}, "required": ["value"]}
            if definitions:
                schema["$defs"] = definitions
        self._schema: Schema = schema
        self.given = False
        self.value: Any = None

    def definition(self) -> dict[str, Any]:
        return {
            "name": _FINAL,
            "description": "Give the final answer. Call it once, when you know the answer.",
            "inputSchema": self._schema,
        }

    def take(self, arguments: Any) -> tuple[str, bool]:
        """Accept the model's arguments. What to tell the model, and whether they were wrong."""
        from pydantic import ValidationError as PydanticError

        try:
            if self._wrapped and (not isinstance(arguments, dict) or "value" not in arguments):
                return "The argument 'value' is missing.", True
            self.value = self._adapter.validate_python(arguments["value"] if self._wrapped else arguments)
        except PydanticError as error:
            return f"The answer does not fit its schema: {error}", True
        self.given = True
        return "Thank you.", False

    def from_text(self, text: str | None) -> Any:
        """The value in an answer that came as text. Raises ValidationError."""
        from pydantic import ValidationError as PydanticError

        try:
            return self._adapter.validate_json(text or "")
        except PydanticError as error:
            raise ValidationError(
                f"The model answered with a text that is no {getattr(self._kind, '__name__', self._kind)}: "
                f"{(text or '')[:200]!r}"
            ) from error


def _answer(call: ToolUseContent, text: str, failed: bool) -> ToolResultContent:
    return ToolResultContent(
        tool_use_id=call.id, content=[{"type": "text", "text": text}], is_error=True if failed else None
    )


def _as_tool(tool: Any) -> Tool:
    from mcp_runtime.framework.components.tool import FunctionTool
    from mcp_runtime.framework.components.tool import Tool as ToolClass

    if isinstance(tool, ToolClass):
        return tool
    if callable(tool):
        return FunctionTool(tool)
    raise TypeError(f"A tool for the model is a function or a Tool, not {type(tool).__name__}.")
