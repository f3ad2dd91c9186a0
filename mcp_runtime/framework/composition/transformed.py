"""Tools made from tools: other names, other arguments, code around them (FASTMCP K-09).

    Tool.from_tool(search, name="find", transform_args={"q": ArgTransform(name="query")})

With `transform_fn=` a function of the author's answers. It may call `forward(…)` with the arguments clients see,
or `forward_raw(…)` with those of the tool inside; a `**kwargs` of it takes the arguments it does not name.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal

from mcp_runtime.framework.components.base import Unset, UnsetType
from mcp_runtime.framework.components.tool import FunctionTool, Tool, ToolResult
from mcp_runtime.framework.composition.arguments import ArgTransform, Mapped
from mcp_runtime.framework.context import Context, current_context
from mcp_runtime.framework.functions.schemas import Schema
from mcp_runtime.framework.types import ToolAnnotations

__all__ = ("TransformedTool", "forward", "forward_raw")


class TransformedTool(Tool):
    """A tool that calls another one, or code that may."""

    def __init__(
        self,
        tool: Tool | Callable[..., Any],
        *,
        name: str | None = None,
        title: str | UnsetType | None = Unset,
        description: str | UnsetType | None = Unset,
        tags: Iterable[str] | None = None,
        transform_fn: Callable[..., Any] | None = None,
        transform_args: Mapping[str, ArgTransform | Mapping[str, Any]] | None = None,
        annotations: ToolAnnotations | Mapping[str, Any] | UnsetType | None = Unset,
        output_schema: Schema | UnsetType | Literal[False] | None = Unset,
        serializer: Callable[[Any], str] | UnsetType | None = Unset,
        meta: Mapping[str, Any] | UnsetType | None = Unset,
        enabled: bool = True,
        version: str | UnsetType | None = Unset,
    ) -> None:
        inner = tool if isinstance(tool, Tool) else FunctionTool(tool)
        super().__init__(
            name=name or inner.name,
            title=_chosen(title, inner.title),
            description=_chosen(description, inner.description),
            tags=inner.tags if tags is None else tags,
            icons=inner.icons,
            annotations=_chosen(annotations, inner.annotations),
            serializer=_chosen(serializer, inner.serializer),
            meta=_chosen(meta, inner.meta),
            enabled=enabled and inner.enabled,
            version=_chosen(version, inner.version),
            auth=inner.auth,
        )
        self.parent_tool = inner
        self._changes = {key: _arg_transform(change) for key, change in (transform_args or {}).items()}
        self._output_schema = output_schema
        self._function = None if transform_fn is None else _Function(transform_fn)
        if self._changes:
            _ = self._mapped  # says at once what is wrong with the changes

    @functools.cached_property
    def _mapped(self) -> Mapped:
        return Mapped(self.parent_tool.parameters, self._changes, tool=self.name)

    @functools.cached_property
    def parameters(self) -> Schema:  # type: ignore[override]  # worked out when first read
        return self._mapped.schema if self._function is None else self._function.schema(self._mapped.schema)

    @functools.cached_property
    def output_schema(self) -> Schema | None:  # type: ignore[override]  # the same
        if isinstance(self._output_schema, UnsetType):
            if self._function is None or self._function.hands_on:
                return self.parent_tool.output_schema
            return self._function.tool.output_schema
        return self._output_schema or None

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        return await self._answer(arguments, current_context(), strict=False)

    async def call(self, arguments: Mapping[str, Any], context: Context, *, strict: bool = False) -> ToolResult:
        return await self._answer(arguments, context, strict=strict)

    async def forward(self, arguments: Mapping[str, Any]) -> ToolResult:
        """Call the tool inside with the arguments clients see."""
        return await self.forward_raw(self._mapped.inner(arguments))

    async def forward_raw(self, arguments: Mapping[str, Any]) -> ToolResult:
        """Call the tool inside with its own arguments."""
        context = current_context()
        if context is None:
            return await self.parent_tool.run(dict(arguments))
        return await self.parent_tool.call(arguments, context)

    async def _answer(self, arguments: Mapping[str, Any], context: Context | None, *, strict: bool) -> ToolResult:
        if self._function is None:
            inner = self._mapped.inner(arguments)
            if context is None:
                result = await self.parent_tool.run(inner)
            else:
                result = await self.parent_tool.call(inner, context, strict=strict)
        else:
            token = _current.set(self)
            try:
                result = await self._function.call(arguments, context, strict=strict)
            finally:
                _current.reset(token)
        if self.output_schema is None and result.structured_content is not None and self._drops_structure:
            return ToolResult(result.content, meta=result.meta, is_error=result.is_error)
        return result

    @property
    def _drops_structure(self) -> bool:
        return self._output_schema is None or self._output_schema is False


class _Function:
    """The author's function: a tool by itself, except that `**kwargs` takes what it does not name."""

    def __init__(self, function: Callable[..., Any]) -> None:
        signature = inspect.signature(function)
        variable = [name for name, one in signature.parameters.items() if one.kind is one.VAR_KEYWORD]
        self.takes_others = bool(variable)
        self.hands_on = signature.return_annotation in (ToolResult, "ToolResult")
        """Whether its answer is the tool's inside, with the structure that one promises."""
        if variable:
            function = _without_variable(function, signature, variable[0])
        self.tool: FunctionTool[..., Any] = FunctionTool(function, name="transform_fn")

    def schema(self, mapped: Schema) -> Schema:
        """Its own parameters, described as the tool inside describes them; with `**kwargs`, the others too."""
        own = self.tool.parameters
        outer: dict[str, Any] = mapped["properties"]
        properties = {
            name: {**_description(outer.get(name, {})), **described}
            for name, described in own.get("properties", {}).items()
        }
        required = list(own.get("required", ()))
        if self.takes_others:
            properties = {**{name: outer[name] for name in outer if name not in properties}, **properties}
            required += [name for name in mapped.get("required", ()) if name not in own.get("properties", {})]
        schema: Schema = {**own, "properties": properties}
        if "$defs" in mapped:
            schema["$defs"] = {**mapped["$defs"], **own.get("$defs", {})}
        if required:
            schema["required"] = required
        return schema

    async def call(self, arguments: Mapping[str, Any], context: Context | None, *, strict: bool) -> ToolResult:
        named = self.tool.parameters.get("properties", {})
        own = {name: value for name, value in arguments.items() if name in named or not self.takes_others}
        token = _others.set({name: value for name, value in arguments.items() if name not in own})
        try:
            if context is None:
                return await self.tool.run(own)
            return await self.tool.call(own, context, strict=strict)
        finally:
            _others.reset(token)


def _without_variable(function: Callable[..., Any], signature: inspect.Signature, variable: str) -> Callable[..., Any]:
    """The function without its `**kwargs`, which gets the call's other arguments."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def called(*args: Any, **named: Any) -> Any:
            return await function(*args, **named, **_others.get())

    else:

        @functools.wraps(function)
        def called(*args: Any, **named: Any) -> Any:
            return function(*args, **named, **_others.get())

    kept = [one for name, one in signature.parameters.items() if name != variable]
    called.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    called.__annotations__ = {name: hint for name, hint in function.__annotations__.items() if name != variable}
    return called


async def forward(**arguments: Any) -> ToolResult:
    """In a `transform_fn`: call the tool inside with the arguments clients see."""
    return await _transforming("forward").forward(arguments)


async def forward_raw(**arguments: Any) -> ToolResult:
    """In a `transform_fn`: call the tool inside with its own arguments."""
    return await _transforming("forward_raw").forward_raw(arguments)


def _transforming(name: str) -> TransformedTool:
    tool = _current.get()
    if tool is None:
        raise RuntimeError(f"{name}() is for the transform_fn of a transformed tool, while it answers.")
    return tool


def _description(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": schema["description"]} if "description" in schema else {}


def _arg_transform(change: ArgTransform | Mapping[str, Any]) -> ArgTransform:
    return change if isinstance(change, ArgTransform) else ArgTransform(**change)


def _chosen(given: Any, inherited: Any) -> Any:
    return inherited if isinstance(given, UnsetType) or given is ... else given


_current: contextvars.ContextVar[TransformedTool | None] = contextvars.ContextVar("transformed_tool", default=None)
_others: contextvars.ContextVar[Mapping[str, Any]] = contextvars.ContextVar(
    "transformed_arguments", default=MappingProxyType({})
)
