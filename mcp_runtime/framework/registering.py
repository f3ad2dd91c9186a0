"""What authors write to offer components: decorators, `add_…`, `remove_…`, switches (FASTMCP 1.3 to 1.5)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Self, TypeVar, overload

from mcp_runtime.framework.announcing import announce
from mcp_runtime.framework.components.base import Component, Unset, UnsetType
from mcp_runtime.framework.components.prompt import FunctionPrompt, Prompt
from mcp_runtime.framework.components.resource import FunctionResource, Resource
from mcp_runtime.framework.components.tasks import TaskConfig, checked_task
from mcp_runtime.framework.components.template import FunctionTemplate, ResourceTemplate
from mcp_runtime.framework.components.tool import FunctionTool, Tool
from mcp_runtime.framework.decorators import check_uri, resource_from, split_name
from mcp_runtime.framework.direct import Direct
from mcp_runtime.framework.options import meta_of, refuse_unknown_option

if TYPE_CHECKING:
    from mcp_runtime.framework.catalogue import Catalogue
    from mcp_runtime.framework.completing import CompletionHandler
    from mcp_runtime.framework.components.access import AuthCheck
    from mcp_runtime.framework.components.security import ResourceSecurity
    from mcp_runtime.framework.components.versions import VersionSpec
    from mcp_runtime.framework.composition.sources import Kind
    from mcp_runtime.framework.functions.schemas import Schema
    from mcp_runtime.framework.local_provider import LocalProvider
    from mcp_runtime.framework.types import Annotations, Icon, ToolAnnotations

    Icons = Iterable[Icon | Mapping[str, Any]]
    Auth = AuthCheck | Iterable[AuthCheck] | None
    Version = str | float | None

__all__ = ("Registering",)

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=Component)


class Registering(Direct):
    """The methods of `FastMCP` that take components in, find them, switch them and let them go."""

    tool_serializer: Callable[[Any], str] | None
    tasks: bool | None
    resource_security: ResourceSecurity | None
    completion_handler: CompletionHandler | None = None
    """Who names values for arguments."""
    _tools: Catalogue[Tool]
    _resources: Catalogue[Resource]
    _templates: Catalogue[ResourceTemplate]
    _prompts: Catalogue[Prompt]

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
        version: Version = None,
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
        task: bool | TaskConfig | None = None,
        timeout: float | None = None,
        auth: Auth = None,
        run_in_thread: bool = True,
        structured_output: bool | None = None,
        **unknown: Any,
    ) -> Any:
        """Offer a function as a tool: `@mcp.tool`, `@mcp.tool("name")`, `@mcp.tool(name=…)`, `mcp.tool(fn, name=…)`.

        `structured_output=False` is how the SDK says `output_schema=None`.
        """
        refuse_unknown_option("tool", unknown)
        meta = meta_of("tool", meta, unknown)
        given, function = split_name(name_or_fn, name, "tool")

        def register(fn: Any) -> Any:
            return self.add_tool(
                FunctionTool(
                    fn,
                    name=given,
                    version=version,
                    title=title,
                    description=description,
                    tags=tags,
                    enabled=enabled is not False,
                    icons=icons,
                    exclude_args=exclude_args,
                    annotations=annotations,
                    meta=meta,
                    output_schema=None if structured_output is False else output_schema,
                    serializer=serializer or self.tool_serializer,
                    task=task,
                    timeout=timeout,
                    auth=auth,
                    run_in_thread=run_in_thread,
                )
            )

        return register if function is None else register(function)

    def resource(
        self,
        uri: str | Callable[..., Any],
        *,
        name: str | None = None,
        version: Version = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        tags: Iterable[str] | None = None,
        enabled: bool | None = None,
        icons: Icons | None = None,
        annotations: Annotations | Mapping[str, Any] | None = None,
        meta: Mapping[str, Any] | None = None,
        task: bool | TaskConfig | None = None,
        auth: Auth = None,
        security: ResourceSecurity | UnsetType | None = Unset,
        **unknown: Any,
    ) -> Callable[[Callable[P, R]], FunctionResource[P, R] | FunctionTemplate[P, R]]:
        """Offer a function as a resource: `@mcp.resource("data://x")`; with `{x}` in the URI, as a template."""
        check_uri(uri)
        refuse_unknown_option("resource", unknown)
        meta = meta_of("resource", meta, unknown)
        chosen = self.resource_security if isinstance(security, UnsetType) else security

        def register(fn: Callable[P, R]) -> Any:
            made = resource_from(
                fn,
                str(uri),
                name=name,
                version=version,
                title=title,
                description=description,
                mime_type=mime_type,
                tags=tags,
                enabled=enabled is not False,
                icons=icons,
                annotations=annotations,
                meta=meta,
                task=task,
                auth=auth,
                security=chosen,
            )
            return self.add_resource(made)

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
        version: Version = None,
        title: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        enabled: bool | None = None,
        icons: Icons | None = None,
        meta: Mapping[str, Any] | None = None,
        task: bool | TaskConfig | None = None,
        auth: Auth = None,
        **unknown: Any,
    ) -> Any:
        """Offer a function as a prompt, in the forms of `tool`."""
        refuse_unknown_option("prompt", unknown)
        given, function = split_name(name_or_fn, name, "prompt")

        def register(fn: Any) -> Any:
            return self.add_prompt(
                FunctionPrompt(
                    fn,
                    name=given,
                    version=version,
                    title=title,
                    description=description,
                    tags=tags,
                    enabled=enabled is not False,
                    icons=icons,
                    meta=meta,
                    task=task,
                    auth=auth,
                )
            )

        return register if function is None else register(function)

    def completion(self, handler: CompletionHandler | None = None, /) -> Any:
        """Have a function name values for arguments of prompts and templates; see `completing`."""
        if handler is None:
            return self.completion
        self.add_completion_handler(handler)
        return handler

    def add_completion_handler(self, handler: CompletionHandler) -> None:
        """The one that counts is the last."""
        from mcp_runtime.framework.completing import checked_handler

        self.completion_handler = checked_handler(handler)

    # Adding, finding, removing.

    def add_tool(self, tool: Tool | Callable[..., Any]) -> Tool:
        """Offer a tool; a plain function is made into one. Returns what is offered under its name."""
        made = tool if isinstance(tool, Tool) else FunctionTool(tool, serializer=self.tool_serializer)
        return self._tools.add(self._ours(made))

    def add_resource(self, resource: Resource | ResourceTemplate) -> Any:
        """Offer a resource, or a template."""
        if isinstance(resource, ResourceTemplate):
            return self.add_template(resource)
        _refuse_other(resource, Resource, "add_resource")
        return self._resources.add(self._ours(resource))

    def add_template(self, template: ResourceTemplate) -> ResourceTemplate:
        _refuse_other(template, ResourceTemplate, "add_template")
        return self._templates.add(self._ours(template))

    add_resource_template = add_template

    def add_prompt(self, prompt: Prompt | Callable[..., Any]) -> Prompt:
        """Offer a prompt; a plain function is made into one."""
        return self._prompts.add(self._ours(prompt if isinstance(prompt, Prompt) else FunctionPrompt(prompt)))

    def remove_tool(self, name: str, version: str | None = None) -> None:
        """Every version, or the one named. Raises NotFoundError."""
        self._tools.remove(name, version)

    def remove_resource(self, uri: str, version: str | None = None) -> None:
        """Raises NotFoundError."""
        (self._resources if self._resources.holds(uri) else self._templates).remove(uri, version)

    remove_resource_template = remove_resource

    def remove_prompt(self, name: str, version: str | None = None) -> None:
        """Raises NotFoundError."""
        self._prompts.remove(name, version)

    @property
    def local_provider(self) -> LocalProvider:
        """This server's own components, under the names that later versions gave their methods."""
        from mcp_runtime.framework.local_provider import LocalProvider

        return LocalProvider(server=self)

    def get_tool(self, name: str, version: str | None = None) -> Tool:
        """The tool, hidden or not, at once or awaited (FASTMCP 0.3). Raises NotFoundError."""
        return self._versioned("tools", name, version)  # type: ignore[no-any-return]  # of the kind asked for

    def get_resource(self, uri: str, version: str | None = None) -> Resource:
        return self._versioned("resources", uri, version)  # type: ignore[no-any-return]  # the same

    def get_resource_template(self, uri_template: str, version: str | None = None) -> ResourceTemplate:
        return self._versioned("resourceTemplates", uri_template, version)  # type: ignore[no-any-return]  # the same

    def get_prompt(self, name: str, version: str | None = None) -> Prompt:
        return self._versioned("prompts", name, version)  # type: ignore[no-any-return]  # the same

    def _versioned(self, kind: Kind, key: str, version: str | None) -> Any:
        return self._get(kind, key) if version is None else self._catalogues[kind].get(key, version)

    async def get_tools(self) -> dict[str, Tool]:
        """All tools by name, hidden ones of this server too."""
        return await self._all("tools")

    async def get_resources(self) -> dict[str, Resource]:
        return await self._all("resources")

    async def get_resource_templates(self) -> dict[str, ResourceTemplate]:
        return await self._all("resourceTemplates")

    async def get_prompts(self) -> dict[str, Prompt]:
        return await self._all("prompts")

    async def list_tools(self) -> list[Tool]:
        """The tools clients see."""
        return await self._shown("tools")

    async def list_resources(self) -> list[Resource]:
        return await self._shown("resources")

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        return await self._shown("resourceTemplates")

    async def list_prompts(self) -> list[Prompt]:
        return await self._shown("prompts")

    # Switching.

    def enable(
        self,
        *,
        names: Collection[str] | None = None,
        keys: Collection[str] | None = None,
        version: VersionSpec | str | None = None,
        tags: Collection[str] | None = None,
        components: Collection[str] | None = None,
        only: bool = False,
    ) -> Self:
        """Offer the components that meet all conditions, those to come too; with `only`, nothing else (T-33).

        `keys` are as in `tool:add` or `tool:add@1.0`, `components` kinds: tool, resource, template, prompt.
        """
        self._visibility.switch(
            True, names=names, keys=keys, version=version, tags=tags, components=components, only=only
        )
        self._switched()
        return self

    def disable(
        self,
        *,
        names: Collection[str] | None = None,
        keys: Collection[str] | None = None,
        version: VersionSpec | str | None = None,
        tags: Collection[str] | None = None,
        components: Collection[str] | None = None,
    ) -> Self:
        """Hide them: they are not listed, and using one is an unknown name."""
        self._visibility.switch(False, names=names, keys=keys, version=version, tags=tags, components=components)
        self._switched()
        return self

    def _switched(self) -> None:
        for catalogue in self._catalogues.values():
            catalogue.forget()

    def _changed(self, kind: Kind) -> None:
        super()._changed(kind)
        announce(kind)

    def _ours(self, component: C) -> C:
        if component.task is None and self.tasks is not None:
            component.task = checked_task(self.tasks)
        return component


def _refuse_other(component: object, kind: type, method: str) -> None:
    if not isinstance(component, kind):
        raise TypeError(f"{method}() takes a {kind.__name__}, not {type(component).__name__}.")
