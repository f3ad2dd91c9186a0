"""Components of another server under the names they have here.

A wrapped component has the attributes of the one inside, which it asks for its schema when that is first needed, and
answers by a *route*: through the other server, its middleware and its lifespan (mounted), or straight (imported).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.components.prompt import Prompt, PromptResult
from mcp_runtime.framework.components.resource import Resource
from mcp_runtime.framework.components.template import ResourceTemplate
from mcp_runtime.framework.components.tool import Tool
from mcp_runtime.framework.composition.prefixes import prefixed_name, prefixed_uri, without_prefix

if TYPE_CHECKING:
    from mcp_runtime.framework.components.tool import ToolResult
    from mcp_runtime.framework.context import Context
    from mcp_runtime.framework.functions.schemas import Schema
    from mcp_runtime.framework.resource_contents import ResourceResult
    from mcp_runtime.protocol.uri_templates import UriTemplate

__all__ = ("Route", "WrappedPrompt", "WrappedResource", "WrappedTemplate", "WrappedTool", "origin", "wrapped")


class Route(Protocol):
    """The way into another server."""

    async def call(self, name: str, arguments: Mapping[str, Any], context: Context, *, strict: bool) -> ToolResult: ...
    async def read(self, uri: str, context: Context) -> ResourceResult: ...
    async def render(self, name: str, arguments: Mapping[str, Any], context: Context) -> PromptResult: ...


class WrappedTool(Tool):
    """A tool of another server, under another name."""

    def __init__(self, inner: Tool, name: str, route: Route | None) -> None:
        _adopt(self, inner, route)
        self.name = name
        self._inner: Tool = inner

    @functools.cached_property
    def parameters(self) -> Schema:  # type: ignore[override]  # worked out when first read
        return self._inner.parameters

    @functools.cached_property
    def output_schema(self) -> Schema | None:  # type: ignore[override]  # the same
        return self._inner.output_schema

    async def call(self, arguments: Mapping[str, Any], context: Context, *, strict: bool = False) -> ToolResult:
        if self._route is None:
            return await self._inner.call(arguments, context, strict=strict)
        return await self._route.call(self._inner.key, arguments, context, strict=strict)

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        return await self._inner.run(arguments)

    _route: Route | None


class WrappedResource(Resource):
    """A resource of another server, at another URI."""

    def __init__(self, inner: Resource, name: str, uri: str, route: Route | None) -> None:
        _adopt(self, inner, route)
        self.name = name
        self.uri = uri
        self._inner: Resource = inner

    async def contents(self, context: Context) -> ResourceResult:
        if self._route is None:
            return await self._inner.contents(context)
        return await self._route.read(self._inner.key, context)

    async def read(self) -> Any:
        return await self._inner.read()

    _route: Route | None


class WrappedTemplate(ResourceTemplate):
    """A resource template of another server, at other URIs."""

    def __init__(self, inner: ResourceTemplate, name: str, prefix: str | None, form: str, route: Route | None) -> None:
        _adopt(self, inner, route)
        vars(self).pop("template", None)
        self.name = name
        self._inner: ResourceTemplate = inner
        self._prefix = prefix
        self._form = form
        self._uri_template = prefixed_uri(prefix, inner.uri_template, form)

    @property
    def uri_template(self) -> str:
        return self._uri_template

    @functools.cached_property
    def template(self) -> UriTemplate:  # type: ignore[override]  # compiled when first asked for
        from mcp_runtime.protocol.uri_templates import UriTemplate

        return UriTemplate(self._uri_template)

    def match(self, uri: str) -> dict[str, str] | None:
        inner = without_prefix(self._prefix, uri, self._form)
        return None if inner is None else self._inner.match(inner)

    async def contents_at(self, uri: str, arguments: Mapping[str, str], context: Context) -> ResourceResult:
        """The contents at `uri`, which `match` found to be of this family."""
        inner = without_prefix(self._prefix, uri, self._form) or uri
        if self._route is not None:
            return await self._route.read(inner, context)
        contents_at = getattr(self._inner, "contents_at", None)
        if contents_at is not None:
            return await contents_at(inner, arguments, context)  # type: ignore[no-any-return]  # the same method there
        return await self._inner.contents(arguments, context)

    async def contents(self, arguments: Mapping[str, str], context: Context) -> ResourceResult:
        return await self._inner.contents(arguments, context)

    async def read(self, arguments: dict[str, Any]) -> Any:
        return await self._inner.read(arguments)

    _route: Route | None


class WrappedPrompt(Prompt):
    """A prompt of another server, under another name."""

    def __init__(self, inner: Prompt, name: str, route: Route | None) -> None:
        _adopt(self, inner, route)
        self.name = name
        self._inner: Prompt = inner

    @functools.cached_property
    def arguments(self) -> Any:  # type: ignore[override]  # worked out when first read
        return self._inner.arguments

    async def result(self, arguments: Mapping[str, Any], context: Context) -> PromptResult:
        if self._route is None:
            return await self._inner.result(arguments, context)
        return await self._route.render(self._inner.key, arguments, context)

    async def render(self, arguments: dict[str, Any]) -> Any:
        return await self._inner.render(arguments)

    _route: Route | None


def wrapped(
    inner: Component,
    prefix: str | None,
    *,
    form: str = "path",
    names: Mapping[str, str] | None = None,
    route: Route | None = None,
) -> Component:
    """`inner` under this server's names; `names` gives single tools a name of their own."""
    name = prefixed_name(prefix, inner.name)
    if isinstance(inner, Tool):
        return WrappedTool(inner, (names or {}).get(inner.name, name), route)
    if isinstance(inner, Resource):
        if inner.name == inner.uri:  # it has no name of its own
            name = prefixed_uri(prefix, inner.uri, form)
        return WrappedResource(inner, name, prefixed_uri(prefix, inner.uri, form), route)
    if isinstance(inner, ResourceTemplate):
        if inner.name == inner.uri_template:
            name = prefixed_uri(prefix, inner.uri_template, form)
        return WrappedTemplate(inner, name, prefix, form, route)
    if isinstance(inner, Prompt):
        return WrappedPrompt(inner, name, route)
    raise TypeError(f"{inner!r} is neither a tool nor a resource, a template or a prompt.")


def origin(component: Component) -> Component:
    """The component inside; itself for one that is not wrapped."""
    inner: Component = vars(component).get("_inner", component)
    return inner


def _adopt(wrapper: Any, inner: Component, route: Route | None) -> None:
    """Take over the attributes; mounted components are switched on and off where they live."""
    vars(wrapper).update(vars(inner))
    wrapper._listeners = []
    wrapper._route = route
    vars(wrapper).pop("enable", None)  # those of a mounted component that is copied
    vars(wrapper).pop("disable", None)
    if route is not None:
        wrapper.enable, wrapper.disable = inner.enable, inner.disable
