"""Two tools in place of many: one that searches the tools, one that calls what was found (a later word; FASTMCP 2.2).

    mcp.add_transform(BM25SearchTransform(max_results=5, always_visible=["help"]))

A model then reads a few definitions instead of hundreds. The tools are not listed, and stay callable; what a search
finds is what its caller would have been shown, by way of middleware, `auth=` and the session's rules.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any

from pydantic import Field

from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.components.tool import FunctionTool, Tool, ToolResult
from mcp_runtime.framework.composition.sources import Kind
from mcp_runtime.framework.composition.transforms import Transform
from mcp_runtime.framework.composition.views import listing_all
from mcp_runtime.framework.context import Context
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.ranking import Index, tool_text
from mcp_runtime.protocol.errors import UnknownTool

__all__ = ("BM25SearchTransform", "BaseSearchTransform", "RegexSearchTransform")

Serializer = Callable[[Sequence[Tool]], Any]

MAX_PATTERN = 1000


class BaseSearchTransform(Transform):
    """A subclass says what `search(tools, query)` finds."""

    query_name = "query"

    def __init__(
        self,
        *,
        max_results: int = 5,
        always_visible: Collection[str] | None = None,
        search_tool_name: str = "search_tools",
        call_tool_name: str = "call_tool",
        search_result_serializer: Serializer | None = None,
    ) -> None:
        if max_results < 1:
            raise ValueError(f"max_results={max_results}: a search finds one tool at least.")
        self._most = max_results
        self._always = frozenset(always_visible or ())
        self._serializer = search_result_serializer
        self._own: dict[str, Tool] = {
            search_tool_name: self._search_tool(search_tool_name),
            call_tool_name: self._call_tool(call_tool_name, search_tool_name),
        }

    def search(self, tools: Sequence[Tool], query: str) -> Sequence[Tool]:
        """The tools that match, the best in front; more than `max_results` are cut off."""
        raise NotImplementedError

    def apply(self, kind: Kind, components: Sequence[Any]) -> Sequence[Any]:
        if kind != "tools":
            return components
        return [*(tool for tool in components if tool.name not in self._own), *self._own.values()]

    async def applied(self, kind: Kind, components: Sequence[Any]) -> Sequence[Any]:
        return self.apply(kind, components)

    def lists(self, component: Component) -> bool:
        """Whether clients see it without searching."""
        return component.noun != "tool" or component.name in self._always or component.name in self._own

    def _search_tool(self, name: str) -> Tool:
        async def search_tools(query: str, ctx: Context) -> str | list[dict[str, Any]]:
            with listing_all():
                listed = await ctx.fastmcp.listed("tools", ctx)
            tools = [tool for tool in listed if tool.name not in self._own and tool.name not in self._always]
            found = list(self.search(tools, query))[: self._most]
            if self._serializer is None:
                return [tool.definition(framework_meta=ctx.fastmcp.include_fastmcp_meta) for tool in found]
            written = self._serializer(found)
            answer: str | list[dict[str, Any]] = await written if inspect.isawaitable(written) else written
            return answer

        return _renamed(search_tools, name, self.query_name, self.__doc__ or "")

    def _call_tool(self, own_name: str, search_name: str) -> Tool:
        async def call_tool(
            ctx: Context,
            name: Annotated[str, Field(description="The tool's name.")],
            arguments: Annotated[dict[str, Any] | None, Field(description="Its arguments.")] = None,
        ) -> ToolResult:
            if name in self._own:
                raise ToolError(f"{name!r} is called by itself, not by way of {own_name!r}.")
            try:
                return await ctx.fastmcp.call(name, arguments or {}, ctx)
            except UnknownTool as error:  # the model named it, and can name another
                raise ToolError(error.message) from None

        return FunctionTool(
            call_tool, name=own_name, description=f"Call a tool that {search_name} found, with the arguments it takes."
        )


class BM25SearchTransform(BaseSearchTransform):
    """Search for tools in plain words. The best matches come first, each as it would be listed."""

    def search(self, tools: Sequence[Tool], query: str) -> Sequence[Tool]:
        """Ranked as by Okapi BM25, over names, descriptions and parameters."""
        index = Index([_text(tool) for tool in tools], [f"{tool.name} {tool.title or ''}" for tool in tools])
        return [tools[number] for number in index.find(query)]


class RegexSearchTransform(BaseSearchTransform):
    """Search for tools by a regular expression, upper and lower case alike, in names, descriptions and parameters.

    Lookarounds and backreferences are not understood; a pattern that is none finds nothing.
    """

    query_name = "pattern"

    def search(self, tools: Sequence[Tool], query: str) -> Sequence[Tool]:
        """Patterns are run by pydantic's engine, whose time is linear: nobody can hold up a server with one."""
        from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

        if len(query) > MAX_PATTERN:
            return []
        try:
            pattern = SchemaValidator(core_schema.str_schema(pattern=f"(?i){query}", regex_engine="rust-regex"))
        except SchemaError:
            return []

        def matches(tool: Tool) -> bool:
            try:
                pattern.validate_python(_text(tool))
            except ValidationError:
                return False
            return True

        return [tool for tool in tools if matches(tool)]


def _text(tool: Tool) -> str:
    return tool_text(tool.name, tool.title, tool.description, tool.parameters)


def _renamed(function: Any, name: str, parameter: str, description: str) -> Tool:
    """A tool whose one argument has the name that says what it is."""
    if parameter != "query":

        async def search_tools(pattern: str, ctx: Context) -> str | list[dict[str, Any]]:
            found: str | list[dict[str, Any]] = await function(pattern, ctx)
            return found

        return FunctionTool(search_tools, name=name, description=inspect.cleandoc(description))
    return FunctionTool(function, name=name, description=inspect.cleandoc(description))
