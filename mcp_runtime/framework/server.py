"""FastMCP: the object an author hangs tools, resources and prompts on (FASTMCP 1.2)."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NoReturn, ParamSpec, TypeVar, overload

from mcp_runtime.framework.catalogue import Catalogue, Visibility, checked_policy
from mcp_runtime.framework.components.base import Unset, UnsetType, plain_function
from mcp_runtime.framework.components.prompt import FunctionPrompt, Prompt
from mcp_runtime.framework.components.resource import FunctionResource, Resource, checked_uri
from mcp_runtime.framework.components.template import FunctionTemplate, ResourceTemplate
from mcp_runtime.framework.components.tool import FunctionTool, Tool
from mcp_runtime.framework.errors import InvalidSignature
from mcp_runtime.framework.functions.signature import Signature
from mcp_runtime.framework.lifespan import Lifespan
from mcp_runtime.framework.options import refuse_later, refuse_missing, refuse_unknown, split_transport_options
from mcp_runtime.framework.types import Annotations, Icon, ToolAnnotations
from mcp_runtime.protocol.errors import UnknownPrompt, UnknownResource, UnknownTool

if TYPE_CHECKING:
    from msgspec import Raw

    from mcp_runtime.framework.auth.provider import AuthProvider
    from mcp_runtime.framework.components.tool import ToolResult
    from mcp_runtime.framework.context import Context
    from mcp_runtime.framework.functions.schemas import Schema
    from mcp_runtime.framework.lifespan import LifespanFunction
    from mcp_runtime.framework.resource_contents import ResourceResult

__all__ = ("FastMCP",)

P = ParamSpec("P")
R = TypeVar("R")
Icons = Iterable[Icon | Mapping[str, Any]]
Kind = Literal["tools", "resources", "resourceTemplates", "prompts"]
"""The kinds of components, by the member that holds them in the answer to their list request."""


class FastMCP:
    """An MCP server: `mcp = FastMCP("Weather")`, then `@mcp.tool`, `@mcp.resource("data://…")`, `@mcp.prompt`."""

    def __init__(
        self,
        name: str | None = None,
        instructions: str | None = None,
        *,
        version: str | None = None,
        website_url: str | None = None,
        icons: Icons | None = None,
        lifespan: LifespanFunction | None = None,
        tools: Iterable[Tool | Callable[..., Any]] | None = None,
        auth: AuthProvider | UnsetType | None = Unset,
        mask_error_details: bool | None = None,
        strict_input_validation: bool | None = None,
        on_duplicate: str | None = None,
        on_duplicate_tools: str | None = None,
        on_duplicate_resources: str | None = None,
        on_duplicate_prompts: str | None = None,
        resource_prefix_format: str | None = None,
        include_tags: Collection[str] | None = None,
        exclude_tags: Collection[str] | None = None,
        include_fastmcp_meta: bool | None = None,
        tool_serializer: Callable[[Any], str] | None = None,
        **options: Any,
    ) -> None:
        self.run_options = split_transport_options(options)
        """What the constructor was told about listening; for whoever runs the server."""
        refuse_unknown(FastMCP.__init__, options)
        self.auth = _provider(auth)
        """Who may call where the server listens by itself; a platform that authenticates callers does not use it."""
        if resource_prefix_format not in (None, "path", "protocol"):
            raise ValueError(f"resource_prefix_format={resource_prefix_format!r} is neither 'path' nor 'protocol'.")
        self.name = name or f"FastMCP-{os.urandom(2).hex()}"
        self.instructions = instructions
        self.version = version or ""
        self.website_url = website_url
        self.icons = [Icon.from_wire(icon) for icon in icons or ()]
        self.mask_error_details = bool(mask_error_details)
        self.strict_input_validation = bool(strict_input_validation)
        self.resource_prefix_format = resource_prefix_format or "path"
        self.include_fastmcp_meta = include_fastmcp_meta is not False
        self.tool_serializer = tool_serializer
        self._lifespan = None if lifespan is None else Lifespan(self, lifespan)

        visibility = Visibility(_tags(include_tags), _tags(exclude_tags))
        fallback = on_duplicate or "warn"
        checked_policy(fallback, "on_duplicate")
        self._tools: Catalogue[Tool] = Catalogue(
            "tool", checked_policy(on_duplicate_tools or fallback, "on_duplicate_tools"), visibility
        )
        resources = checked_policy(on_duplicate_resources or fallback, "on_duplicate_resources")
        self._resources: Catalogue[Resource] = Catalogue("resource", resources, visibility)
        self._templates: Catalogue[ResourceTemplate] = Catalogue("resource template", resources, visibility)
        self._prompts: Catalogue[Prompt] = Catalogue(
            "prompt", checked_policy(on_duplicate_prompts or fallback, "on_duplicate_prompts"), visibility
        )
        self._catalogues: dict[Kind, Catalogue[Any]] = {
            "tools": self._tools,
            "resources": self._resources,
            "resourceTemplates": self._templates,
            "prompts": self._prompts,
        }
        for tool in tools or ():
            self.add_tool(tool)

    def __repr__(self) -> str:
        return f"FastMCP({self.name!r})"

    def __getattr__(self, name: str) -> NoReturn:
        refuse_missing(name)

    # Decorators.

    @overload
    def tool(self, name_or_fn: Callable[P, R], /, **options: Any) -> FunctionTool[P, R]: ...
    @overload
    def tool(
        self, name_or_fn: str | None = None, /, **options: Any
    ) -> Callable[[Callable[P, R]], FunctionTool[P, R]]: ...
    def tool(
        self,
        name_or_fn: Any = None,
        /,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        enabled: bool | None = None,
        icons: Icons | None = None,
        exclude_args: Collection[str] | None = None,
        annotations: ToolAnnotations | Mapping[str, Any] | None = None,
        meta: Mapping[str, Any] | None = None,
        output_schema: Schema | UnsetType | Literal[False] | None = Unset,
        serializer: Callable[[Any], str] | None = None,
        timeout: float | None = None,
        run_in_thread: bool = True,
        **later: Any,
    ) -> Any:
        """Offer a function as a tool: `@mcp.tool`, `@mcp.tool("name")`, `@mcp.tool(name=…)`, `mcp.tool(fn, name=…)`."""
        refuse_later("tool", later)
        given, function = _split_name(name_or_fn, name, "tool")

        def register(fn: Any) -> Any:
            return self.add_tool(
                FunctionTool(
                    fn,
                    name=given,
                    title=title,
                    description=description,
                    tags=tags,
                    enabled=enabled is not False,
                    icons=icons,
                    exclude_args=exclude_args,
                    annotations=annotations,
                    meta=meta,
                    output_schema=output_schema,
                    serializer=serializer or self.tool_serializer,
                    timeout=timeout,
                    run_in_thread=run_in_thread,
                )
            )

        return register if function is None else register(function)

    def resource(
        self,
        uri: str | Callable[..., Any],
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        tags: Iterable[str] | None = None,
        enabled: bool | None = None,
        icons: Icons | None = None,
        annotations: Annotations | Mapping[str, Any] | None = None,
        meta: Mapping[str, Any] | None = None,
        **later: Any,
    ) -> Callable[[Callable[P, R]], FunctionResource[P, R] | FunctionTemplate[P, R]]:
        """Offer a function as a resource: `@mcp.resource("data://x")`; with `{x}` in the URI, as a template."""
        if not isinstance(uri, str):
            raise TypeError('A resource needs its URI: write @mcp.resource("data://name"), not @mcp.resource.')
        refuse_later("resource", later)
        checked_uri(uri)
        common: dict[str, Any] = {
            "name": name,
            "title": title,
            "description": description,
            "mime_type": mime_type,
            "tags": tags,
            "enabled": enabled is not False,
            "icons": icons,
            "annotations": annotations,
            "meta": meta,
        }

        def register(fn: Callable[P, R]) -> Any:
            if "{" in uri or "}" in uri:
                return self.add_template(FunctionTemplate(fn, uri_template=uri, **common))
            parameters = Signature(plain_function(fn, noun="resource"), noun="resource").plain_parameters()
            if parameters:
                raise InvalidSignature(
                    f"The function takes {', '.join(parameter.name for parameter in parameters)}, and the URI {uri!r} "
                    "carries no parameters: write them in braces, as in 'data://{name}'."
                )
            return self.add_resource(FunctionResource(fn, uri=uri, **common))

        return register

    @overload
    def prompt(self, name_or_fn: Callable[P, R], /, **options: Any) -> FunctionPrompt[P, R]: ...
    @overload
    def prompt(
        self, name_or_fn: str | None = None, /, **options: Any
    ) -> Callable[[Callable[P, R]], FunctionPrompt[P, R]]: ...
    def prompt(
        self,
        name_or_fn: Any = None,
        /,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        enabled: bool | None = None,
        icons: Icons | None = None,
        meta: Mapping[str, Any] | None = None,
        **later: Any,
    ) -> Any:
        """Offer a function as a prompt, in the forms of `tool`."""
        refuse_later("prompt", later)
        given, function = _split_name(name_or_fn, name, "prompt")

        def register(fn: Any) -> Any:
            return self.add_prompt(
                FunctionPrompt(
                    fn,
                    name=given,
                    title=title,
                    description=description,
                    tags=tags,
                    enabled=enabled is not False,
                    icons=icons,
                    meta=meta,
                )
            )

        return register if function is None else register(function)

    # Adding, finding, removing.

    def add_tool(self, tool: Tool | Callable[..., Any]) -> Tool:
        """Offer a tool; a plain function is made into one. Returns what is offered under its name."""
        return self._tools.add(tool if isinstance(tool, Tool) else FunctionTool(tool, serializer=self.tool_serializer))

    def add_resource(self, resource: Resource) -> Resource:
        return self._resources.add(resource)

    def add_template(self, template: ResourceTemplate) -> ResourceTemplate:
        return self._templates.add(template)

    add_resource_template = add_template

    def add_prompt(self, prompt: Prompt | Callable[..., Any]) -> Prompt:
        """Offer a prompt; a plain function is made into one."""
        return self._prompts.add(prompt if isinstance(prompt, Prompt) else FunctionPrompt(prompt))

    def remove_tool(self, name: str) -> None:
        """Raises NotFoundError."""
        self._tools.remove(name)

    def remove_resource(self, uri: str) -> None:
        """Raises NotFoundError."""
        (self._resources if self._resources.holds(uri) else self._templates).remove(uri)

    def remove_prompt(self, name: str) -> None:
        """Raises NotFoundError."""
        self._prompts.remove(name)

    def get_tool(self, name: str) -> Tool:
        """The tool, hidden or not, at once or awaited (FASTMCP 0.3). Raises NotFoundError."""
        return self._tools.get(name)

    def get_resource(self, uri: str) -> Resource:
        return self._resources.get(uri)

    def get_resource_template(self, uri_template: str) -> ResourceTemplate:
        return self._templates.get(uri_template)

    def get_prompt(self, name: str) -> Prompt:
        return self._prompts.get(name)

    async def get_tools(self) -> dict[str, Tool]:
        """All tools by name, hidden ones too."""
        return self._tools.everything()

    async def get_resources(self) -> dict[str, Resource]:
        return self._resources.everything()

    async def get_resource_templates(self) -> dict[str, ResourceTemplate]:
        return self._templates.everything()

    async def get_prompts(self) -> dict[str, Prompt]:
        return self._prompts.everything()

    async def list_tools(self) -> list[Tool]:
        """The tools clients see."""
        return list(self._tools)

    async def list_resources(self) -> list[Resource]:
        return list(self._resources)

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        return list(self._templates)

    async def list_prompts(self) -> list[Prompt]:
        return list(self._prompts)

    # What serving needs: definitions for clients, and the three ways of using a component inside a request.

    def definitions(self, kind: Kind) -> tuple[dict[str, Any], ...]:
        """What clients are told of one kind, in the order of registration. Not to be changed by callers."""
        return self._catalogues[kind].definitions(framework_meta=self.include_fastmcp_meta)

    def encoded_definitions(self, kind: Kind) -> Raw:
        """The same as a JSON array."""
        return self._catalogues[kind].encoded(framework_meta=self.include_fastmcp_meta)

    async def call(self, name: str, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        """Call a tool. Raises UnknownTool and whatever the tool raises."""
        tool = self._tools.find(name)
        if tool is None:
            raise UnknownTool(name)
        return await tool.call(arguments, context, strict=self.strict_input_validation)

    async def read(self, uri: str, context: Context) -> ResourceResult:
        """Read a resource. Raises UnknownResource and whatever the resource raises."""
        resource = self._resources.find(uri)
        if resource is not None:
            return await resource.contents(context)
        if not self._resources.holds(uri):  # a hidden resource is not found under a template either
            for template in self._templates:
                arguments = template.match(uri)
                if arguments is not None:
                    return await template.contents(arguments, context)
        raise UnknownResource(uri)

    async def render(self, name: str, arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """Render a prompt, as the result of `prompts/get`. Raises UnknownPrompt and whatever the prompt raises."""
        prompt = self._prompts.find(name)
        if prompt is None:
            raise UnknownPrompt(name)
        return (await prompt.result(arguments, context)).to_wire()

    # Running.

    @property
    def lifespan_value(self) -> Any:
        """What the lifespan yielded."""
        return {} if self._lifespan is None else self._lifespan.value

    async def start(self) -> None:
        """Enter the lifespan, once."""
        if self._lifespan is not None:
            await self._lifespan.start()

    async def stop(self) -> None:
        """Leave the lifespan."""
        if self._lifespan is not None:
            await self._lifespan.stop()

    def run(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: the server is run by whoever loads it."""
        raise RuntimeError(
            "mcp.run() was called while the file was being loaded. A deployed server is run by the platform: put the "
            'call under `if __name__ == "__main__":`, or leave it out. To try the server here, use Client(mcp).'
        )


def _split_name(name_or_fn: Any, name: str | None, noun: str) -> tuple[str | None, Any]:
    """The name and the function out of a decorator's first argument (FASTMCP T-02)."""
    if isinstance(name_or_fn, str):
        if name is not None:
            raise TypeError(f"The {noun} has two names, {name_or_fn!r} and name={name!r}: give one.")
        return name_or_fn, None
    return name, name_or_fn


def _provider(auth: AuthProvider | UnsetType | None) -> AuthProvider | None:
    """The provider given, or the one that the environment names where none was (FASTMCP S-02)."""
    if isinstance(auth, UnsetType):
        if not os.environ.get("FASTMCP_SERVER_AUTH"):
            return None
        from mcp_runtime.framework.auth.environment import provider_from_environment

        return provider_from_environment()
    if auth is not None and not hasattr(auth, "protect"):
        raise TypeError(f"auth={auth!r} is no AuthProvider; see mcp_runtime.framework.auth for those there are.")
    return auth


def _tags(tags: Collection[str] | None) -> set[str] | None:
    if isinstance(tags, str):
        raise TypeError(f"A tag filter is a set of names, not the single text {tags!r}: write {{{tags!r}}}.")
    return None if tags is None else set(tags)
