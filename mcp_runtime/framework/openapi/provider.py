"""An OpenAPI document as components: `FastMCP.from_openapi(spec, client)` (FASTMCP K-09)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.composition.providers import Provider, ProviderSource
from mcp_runtime.framework.composition.sources import KINDS
from mcp_runtime.framework.openapi.calling import ApiClient, Operation, imported_httpx2
from mcp_runtime.framework.openapi.components import OpenAPIResource, OpenAPIResourceTemplate, OpenAPITool
from mcp_runtime.framework.openapi.documents import Document, DocumentError, HTTPRoute
from mcp_runtime.framework.openapi.routing import ComponentFn, MCPType, RouteMap, RouteMapFn, mcp_type_of, names_for

if TYPE_CHECKING:
    import httpx2

__all__ = ("OpenAPIProvider", "in_process")

_FOR_EVER = 365 * 24 * 3600.0


class OpenAPIProvider(Provider):
    """Provides a component for each operation. Nothing of a caller's request but their arguments reaches the API:
    credentials are the `client`'s. Without a `client`, the document's first server is called."""

    cache_seconds = _FOR_EVER

    def __init__(
        self,
        openapi_spec: Any,
        client: httpx2.AsyncClient | None = None,
        *,
        route_maps: Sequence[RouteMap] | None = None,
        route_map_fn: RouteMapFn | None = None,
        mcp_component_fn: ComponentFn | None = None,
        mcp_names: dict[str, str] | None = None,
        tags: Iterable[str] | None = None,
        validate_output: bool = True,
        timeout: float | None = None,
        api: ApiClient | None = None,
    ) -> None:
        super().__init__()
        document = Document(openapi_spec)
        if api is None:
            api = ApiClient(client, base_url=document.server_url)
            has_address = client is not None and str(getattr(client, "base_url", "") or "")
            if not has_address and not (document.server_url or "").startswith(("http://", "https://")):
                raise DocumentError(
                    "The document names no server with a whole address: give client=httpx2.AsyncClient(base_url=…)."
                )
        self._api = api
        self.components: dict[str, list[Any]] = {"tools": [], "resources": [], "resourceTemplates": [], "prompts": []}
        kinds: list[tuple[HTTPRoute, MCPType, set[str]]] = []
        for route in document.routes():
            kind, extra = mcp_type_of(route, route_maps or (), route_map_fn)
            if kind is not MCPType.EXCLUDE:
                kinds.append((route, kind, extra))
        names = names_for([route for route, _, _ in kinds], mcp_names or {})
        for (route, kind, extra), name in zip(kinds, names, strict=True):
            operation = Operation(document, route, api, seconds=timeout)
            common = {
                "description": _description(route),
                "tags": {*route.tags, *(tags or ()), *extra},
            }
            component: Component
            if kind is MCPType.TOOL:
                component = OpenAPITool(operation, name=name, promises_output=validate_output, **common)
                place = "tools"
            elif kind is MCPType.RESOURCE:
                component = OpenAPIResource(operation, uri=f"resource://{name}", name=name, **common)
                place = "resources"
            else:
                component = OpenAPIResourceTemplate(operation, uri_template=_template(route, name), name=name, **common)
                place = "resourceTemplates"
            if mcp_component_fn is not None:
                mcp_component_fn(route, component)
            self.components[place].append(component)

    def watched_by(self, source: ProviderSource, server: Any) -> None:
        if not self.transforms:  # then nothing has to be waited for
            for kind in KINDS:
                source.has(kind, self.components[kind])

    async def stop(self) -> None:
        await self._api.close()

    async def _list_tools(self) -> Sequence[Any]:
        return self.components["tools"]

    async def _list_resources(self) -> Sequence[Any]:
        return self.components["resources"]

    async def _list_resource_templates(self) -> Sequence[Any]:
        return self.components["resourceTemplates"]


def in_process(app: Any, **options: Any) -> ApiClient:
    """Calls an ASGI application without a network."""

    def make() -> Any:
        httpx = imported_httpx2()
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        return httpx.AsyncClient(**{"transport": transport, "base_url": "http://app", **options})

    return ApiClient(None, make=make)


def _template(route: HTTPRoute, name: str) -> str:
    variables = [parameter.name for parameter in route.parameters if parameter.location == "path"]
    if not variables:
        raise DocumentError(f"{route.method} {route.path} has no path parameters: it cannot be a RESOURCE_TEMPLATE.")
    return f"resource://{name}/" + "/".join(f"{{{variable}}}" for variable in variables)


def _description(route: HTTPRoute) -> str:
    return route.description or route.summary or f"{route.method} {route.path}"
