"""Another server as one's own: `FastMCP.as_proxy("https://example.com/mcp")` (FASTMCP K-06, K-09)."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.components.prompt import Prompt, PromptResult
from mcp_runtime.framework.components.resource import Resource
from mcp_runtime.framework.components.template import ResourceTemplate
from mcp_runtime.framework.components.tool import Tool, ToolResult
from mcp_runtime.framework.composition.connections import Connections, OwnClients, PerCaller
from mcp_runtime.framework.composition.providers import Provider, ProviderSource
from mcp_runtime.framework.context import Context, current_context
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.resource_contents import ResourceContent, ResourceResult
from mcp_runtime.framework.server import FastMCP
from mcp_runtime.framework.types import TextContent
from mcp_runtime.protocol.errors import MethodNotFound

if TYPE_CHECKING:
    from mcp_runtime.framework.composition.sources import Kind

__all__ = (
    "FastMCPProxy",
    "ProxyClient",
    "ProxyPrompt",
    "ProxyProvider",
    "ProxyResource",
    "ProxyTemplate",
    "ProxyTool",
    "create_proxy",
)

CACHE_SECONDS = 30.0
"""How long a server elsewhere may take to show what it offers anew, unless it says that its lists changed."""
_ALWAYS = 365 * 24 * 3600.0
_log = logging.getLogger(__name__)


def create_proxy(target: Any, *, cache_seconds: float | None = None, **settings: Any) -> FastMCPProxy:
    """A server that offers what `target` offers and hands on what it is asked.

    `target` is an address, a FastMCP server, a configuration of several, a file to run, a transport, or a client. A
    client that is connected already serves everybody; otherwise each caller gets a connection of their own.
    `settings` are those of FastMCP.
    """
    return FastMCPProxy(provider=_provider(target, cache_seconds), **settings)


class FastMCPProxy(FastMCP):
    """A proxy by a factory of clients, which is asked for every request: `FastMCPProxy(client_factory=…)`."""

    def __init__(
        self,
        client: Any = None,
        *,
        client_factory: Callable[[], Any] | None = None,
        provider: ProxyProvider | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if provider is None:
            if (client is None) is (client_factory is None):
                raise TypeError("FastMCPProxy() takes client_factory=, or a client; see also FastMCP.as_proxy().")
            provider = _provider(client, None) if client_factory is None else ProxyProvider(client_factory)
        self.add_provider(provider)


def ProxyClient(transport: Any, **options: Any) -> Any:  # noqa: N802 - a class to those who use it
    """A client whose handlers relay to whoever asked the proxy; for `client_factory=` and `as_proxy()`."""
    return import_module("mcp_runtime.client").Client(transport, **options)


class ProxyProvider(Provider):
    """Provides what another server offers. Its lists are kept for `cache_seconds`."""

    def __init__(self, client_factory: Callable[[], Any] | Connections, *, cache_seconds: float = 0.0) -> None:
        super().__init__()
        if isinstance(client_factory, Connections):
            self.connections = client_factory
        else:
            self.connections = OwnClients(client_factory)
        self.cache_seconds = 0.0 if self.connections.per_request else cache_seconds
        self.watches: Any = None
        """The server in this process that is proxied, which tells when it changes."""

    def watched_by(self, source: ProviderSource, server: Any) -> None:
        self._followers = (source, server)
        if self.watches is not None:
            self.watches.watch(self.changed)

    def changed(self, *kinds: Kind) -> None:
        """The other server's lists are others now: they are asked for again, and whoever follows them is told."""
        source, server = self._followers
        source.forget()
        for kind in kinds:
            server._changed(kind)

    async def stop(self) -> None:
        await self.connections.close()

    # Lists.

    async def _list_tools(self) -> Sequence[Any]:
        return [ProxyTool(self, tool) for tool in await self._list("list_tools")]

    async def _list_resources(self) -> Sequence[Any]:
        return [ProxyResource(self, resource) for resource in await self._list("list_resources")]

    async def _list_resource_templates(self) -> Sequence[Any]:
        templates = []
        for template in await self._list("list_resource_templates"):
            try:
                templates.append(ProxyTemplate(self, template))
            except ValueError as error:
                _log.warning("The template %r of a proxied server is left out: %s", template.uri_template, error)
        return templates

    async def _list_prompts(self) -> Sequence[Any]:
        return [ProxyPrompt(self, prompt) for prompt in await self._list("list_prompts")]

    async def _list(self, method: str) -> Any:
        async with self.connections.client(self._context()) as client:
            try:
                return await getattr(client, method)()
            except MethodNotFound:
                return ()
            except Exception as error:
                if getattr(error, "code", None) == MethodNotFound.code:  # it has no such lists
                    return ()
                raise

    # Answers.

    async def call(self, name: str, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        async with self.connections.client(context) as client:
            result = await client.call_tool_mcp(
                name, dict(arguments), progress_handler=context.report_progress, meta=_handed_on(context)
            )
        if result.is_error:
            texts = [block.text for block in result.content if isinstance(block, TextContent)]
            raise ToolError("\n".join(texts) or "The tool failed without saying why.")
        return ToolResult(result.content, structured_content=result.structured_content, meta=result.meta)

    async def read(self, uri: str, context: Context) -> ResourceResult:
        async with self.connections.client(context) as client:
            result = await client.read_resource_mcp(uri, meta=_handed_on(context))
        parts = [
            ResourceContent(
                part.text if hasattr(part, "text") else base64.b64decode(part.blob), part.mime_type, part.meta
            )
            for part in result.contents
        ]
        return ResourceResult(parts, meta=result.meta)

    async def render(self, name: str, arguments: Mapping[str, Any], context: Context) -> PromptResult:
        async with self.connections.client(context) as client:
            result = await client.get_prompt(name, dict(arguments), meta=_handed_on(context))
        return PromptResult(result.messages, description=result.description, meta=result.meta)

    @staticmethod
    def _context() -> Context:
        context = current_context()
        if context is None:
            from mcp_runtime.framework.serving import nobodys_context

            context = nobodys_context(FastMCP())
        return context


class ProxyTool(Tool):
    """A tool of a proxied server."""

    def __init__(self, provider: ProxyProvider, tool: Any) -> None:
        super().__init__(
            name=tool.name,
            parameters=tool.input_schema,
            annotations=tool.annotations,
            **_common(tool),
        )
        self.output_schema = tool.output_schema
        self._provider = provider
        self._backend_name = tool.name

    async def call(self, arguments: Mapping[str, Any], context: Context, *, strict: bool = False) -> ToolResult:
        return await self._provider.call(self._backend_name, arguments, context)

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        return await self._provider.call(self._backend_name, arguments, self._provider._context())


class ProxyResource(Resource):
    """A resource of a proxied server."""

    def __init__(self, provider: ProxyProvider, resource: Any) -> None:
        super().__init__(
            uri=resource.uri,
            name=resource.name,
            mime_type=resource.mime_type,
            annotations=resource.annotations,
            size=resource.size,
            **_common(resource),
        )
        self._provider = provider
        self._backend_uri = self.uri

    async def contents(self, context: Context) -> ResourceResult:
        return await self._provider.read(self._backend_uri, context)

    async def read(self) -> Any:
        return await self._provider.read(self._backend_uri, self._provider._context())


class ProxyTemplate(ResourceTemplate):
    """A resource template of a proxied server."""

    def __init__(self, provider: ProxyProvider, template: Any) -> None:
        super().__init__(
            uri_template=template.uri_template,
            name=template.name,
            mime_type=template.mime_type,
            annotations=template.annotations,
            **_common(template),
        )
        self._provider = provider

    async def contents_at(self, uri: str, arguments: Mapping[str, str], context: Context) -> ResourceResult:
        """The contents at `uri`, which `match` found to be of this family."""
        return await self._provider.read(uri, context)


class ProxyPrompt(Prompt):
    """A prompt of a proxied server."""

    def __init__(self, provider: ProxyProvider, prompt: Any) -> None:
        super().__init__(name=prompt.name, arguments=prompt.arguments, **_common(prompt))
        self._provider = provider
        self._backend_name = prompt.name

    async def result(self, arguments: Mapping[str, Any], context: Context) -> PromptResult:
        return await self._provider.render(self._backend_name, arguments, context)

    async def render(self, arguments: dict[str, Any]) -> Any:
        return await self._provider.render(self._backend_name, arguments, self._provider._context())


def _provider(target: Any, cache_seconds: float | None) -> ProxyProvider:
    if hasattr(target, "is_connected") and target.is_connected():
        connections: Connections = OwnClients(lambda: target, per_request=False)
    else:
        connections = PerCaller(target)
    watched = target if isinstance(target, FastMCP) else None
    if cache_seconds is None:
        cache_seconds = CACHE_SECONDS if watched is None else _ALWAYS
    provider = ProxyProvider(connections, cache_seconds=cache_seconds)
    provider.watches = watched
    return provider


def _common(definition: Any) -> dict[str, Any]:
    """What every kind of component has; tags travel in `_meta`, where FastMCP servers write them."""
    meta = dict(definition.meta or {})
    own = meta.pop("_fastmcp", None) or {}
    tags = own.get("tags") if isinstance(own, dict) else None
    return {
        "title": definition.title,
        "description": definition.description,
        "icons": definition.icons,
        "meta": meta or None,
        "tags": set(tags) if isinstance(tags, list) else None,
    }


def _handed_on(context: Context) -> dict[str, Any] | None:
    """The request's own `_meta`, without what concerns the connection it came by."""
    kept = {
        key: value
        for key, value in context._meta.items()
        if key != "progressToken" and not key.startswith("io.modelcontextprotocol/")
    }
    return kept or None
