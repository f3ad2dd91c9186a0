"""What authors write to put servers together: mount, import, proxy, transform (FASTMCP 1.11)."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, cast

from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.composition.composed import Composed
from mcp_runtime.framework.composition.sources import KINDS, Kind
from mcp_runtime.framework.errors import NotFoundError

if TYPE_CHECKING:
    from mcp_runtime.framework.composition.proxy import FastMCPProxy
    from mcp_runtime.framework.composition.transforms import ToolTransform, ToolTransformConfig, Transform
    from mcp_runtime.framework.server import FastMCP

__all__ = ("Composing",)


class Composing(Composed):
    """The methods of `FastMCP` that join it with other servers."""

    _tool_transforms: ToolTransform | None = None

    # Other servers.

    def mount(
        self,
        server: Any,
        prefix: str | None = None,
        as_proxy: bool | None = None,
        *,
        namespace: str | None = None,
        tool_names: Mapping[str, str] | None = None,
        tool_separator: str | None = None,
        resource_separator: str | None = None,
        prompt_separator: str | None = None,
    ) -> None:
        """Offer what another server offers, now and later, as `<prefix>_<name>` and `data://<prefix>/<rest>`.

        Calls go by way of the other server: its middleware, its lifespan, its own mounts. `as_proxy` connects to it
        as a client does. Later mounts beat earlier ones and this server's own components (FASTMCP K-02 to K-06).
        """
        from mcp_runtime.framework.composition.mounts import Mount

        server, prefix = _swapped(server, prefix)
        _refuse_separators(tool_separator, resource_separator, prompt_separator)
        if prefix is not None and namespace is not None and prefix != namespace:
            raise TypeError(
                f"mount() got prefix={prefix!r} and namespace={namespace!r}, which mean the same: give one."
            )
        if not isinstance(server, Composed):
            raise TypeError(f"mount() takes a FastMCP server, not {type(server).__name__}; see FastMCP.as_proxy().")
        child = cast("FastMCP", server)
        if child is self or child.reaches(self):
            raise ValueError(f"{child.name!r} cannot be mounted in {self.name!r}, which it contains itself.")
        if as_proxy:
            child = self.as_proxy(child)
        self._sources.append(Mount(self, child, prefix or namespace, tool_names))
        child.watch(self._changed)
        self._started = False
        self._everything_changed()

    async def import_server(
        self,
        server: Any,
        prefix: str | None = None,
        tool_separator: str | None = None,
        resource_separator: str | None = None,
        prompt_separator: str | None = None,
    ) -> None:
        """Copy what another server offers now. Its lifespan and middleware are not copied (FASTMCP K-01)."""
        from mcp_runtime.framework.composition.wrapped import wrapped

        server, prefix = _swapped(server, prefix)
        _refuse_separators(tool_separator, resource_separator, prompt_separator)
        child = cast("FastMCP", server)
        if child._lifespan is not None or child.middleware:
            warnings.warn(
                f"{child.name!r} is imported without its lifespan and middleware; mount() keeps them.",
                RuntimeWarning,
                stacklevel=2,
            )
        for kind in KINDS:
            for component in list(await child.offer(kind)):
                self._catalogues[kind].add(wrapped(component, prefix, form=self.resource_prefix_format))

    @classmethod
    def as_proxy(cls, backend: Any, *, cache_seconds: float | None = None, **settings: Any) -> FastMCPProxy:
        """A server that hands on to another: an address, a client, a configuration, a server (FASTMCP K-09).

        Its lists are kept for `cache_seconds`, 30 unless said, or until the other says that they changed.
        """
        from mcp_runtime.framework.composition.proxy import create_proxy

        return create_proxy(backend, cache_seconds=cache_seconds, **settings)

    @classmethod
    def from_openapi(
        cls, openapi_spec: Any, client: Any = None, name: str = "OpenAPI Server", **options: Any
    ) -> FastMCP:
        """A server with a tool for each operation of an OpenAPI document (FASTMCP K-09).

        `client` is an httpx2.AsyncClient with the API's address and credentials. `route_maps`, `route_map_fn`,
        `mcp_component_fn`, `mcp_names`, `tags`, `validate_output` and `timeout` are OpenAPIProvider's; other options
        are those of FastMCP.
        """
        from mcp_runtime.framework.openapi.provider import OpenAPIProvider

        provider = OpenAPIProvider(openapi_spec, client, **_taken(options, _OPENAPI_OPTIONS))
        server = cast("FastMCP", cls(name=name, **options))  # type: ignore[call-arg]  # FastMCP's constructor
        server.add_provider(provider)
        return server

    @classmethod
    def from_fastapi(
        cls,
        app: Any,
        name: str | None = None,
        *,
        openapi_spec: Any = None,
        httpx_client_kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> FastMCP:
        """The same of an ASGI application in this process, by its own `openapi()` or by `openapi_spec`."""
        from mcp_runtime.framework.openapi.provider import OpenAPIProvider, in_process

        if openapi_spec is None:
            described = getattr(app, "openapi", None)
            if not callable(described):
                raise TypeError(f"{type(app).__name__} has no openapi(): give its document as openapi_spec=.")
            openapi_spec = described()
        api = in_process(app, **(httpx_client_kwargs or {}))
        provider = OpenAPIProvider(openapi_spec, api=api, **_taken(options, _OPENAPI_OPTIONS))
        title = name or getattr(app, "title", None) or "FastAPI"
        server = cast("FastMCP", cls(name=title, **options))  # type: ignore[call-arg]  # FastMCP's constructor
        server.add_provider(provider)
        return server

    def unmount(self, server: Any) -> None:
        """Take a mounted server out again. Raises NotFoundError."""
        from mcp_runtime.framework.composition.mounts import Mount

        kept = [source for source in self._sources if not (isinstance(source, Mount) and source.server is server)]
        if len(kept) == len(self._sources):
            raise NotFoundError(f"{server!r} is not mounted in {self.name!r}.")
        self._sources = kept
        self._everything_changed()

    def reaches(self, server: Any) -> bool:
        """Whether `server` is mounted here, at any depth."""
        from mcp_runtime.framework.composition.mounts import Mount

        children = [source.server for source in self._sources if isinstance(source, Mount)]
        return any(child is server or child.reaches(server) for child in children)

    def add_provider(self, provider: Any, *, namespace: str | None = None) -> None:
        """Offer what a provider provides: a later word for what mounting does (FASTMCP 2.2)."""
        from mcp_runtime.framework.composition.providers import FastMCPProvider, Provider, ProviderSource
        from mcp_runtime.framework.composition.transforms import Namespace

        if isinstance(provider, FastMCPProvider):
            return self.mount(provider.server, prefix=namespace)
        if not isinstance(provider, Provider):
            raise TypeError(f"add_provider() takes a Provider, not {type(provider).__name__}.")
        if namespace:
            provider.add_transform(Namespace(namespace))
        source = ProviderSource(provider)
        provider.watched_by(source, self)
        self._sources.append(source)
        self._started = False
        self._everything_changed()
        return None

    # Changing what is offered.

    def add_transform(self, transform: Transform) -> None:
        """Change all that is offered, mounted components too, after the transforms added before."""
        from mcp_runtime.framework.composition.transforms import VersionFilter

        if isinstance(transform, VersionFilter):  # it decides before the highest version is chosen
            self._visibility.versions.append(transform.passes)
            for catalogue in self._catalogues.values():
                catalogue.forget()
        self._transforms.append(transform)
        self._everything_changed()

    def add_tool_transformation(self, tool_name: str, transformation: ToolTransformConfig | Mapping[str, Any]) -> None:
        """Change one tool, wherever it comes from: its name, description, arguments (FASTMCP K-09)."""
        from mcp_runtime.framework.composition.transforms import ToolTransform

        if self._tool_transforms is None:
            self._tool_transforms = ToolTransform()
            self._transforms.insert(0, self._tool_transforms)
        self._tool_transforms.add(tool_name, transformation)
        self._everything_changed()

    def remove_tool_transformation(self, tool_name: str) -> None:
        """Raises NotFoundError."""
        try:
            if self._tool_transforms is None:
                raise KeyError(tool_name)
            self._tool_transforms.remove(tool_name)
        except KeyError:
            raise NotFoundError(f"There is no transformation of the tool {tool_name!r}.") from None
        if not len(self._tool_transforms):
            self._transforms.remove(self._tool_transforms)
            self._tool_transforms = None
        self._everything_changed()

    # Finding components, wherever they come from.

    def _get(self, kind: Kind, key: str) -> Any:
        """The component, hidden or not; something to await where other servers have to be asked first."""
        catalogue = self._catalogues[kind]
        if not self._sources and not self._transforms:
            return catalogue.get(key)
        offer = self.offer_known(kind)
        if offer is None:
            return _Awaited(self, kind, key)
        found = offer.find(key)
        return catalogue.get(key) if found is None else found

    async def _all(self, kind: Kind) -> dict[str, Any]:
        """Everything by key; of our own, hidden ones too."""
        found: dict[str, Any] = self._catalogues[kind].everything()
        if self._sources or self._transforms:
            found.update({component.key: component for component in await self.offer(kind)})
        return found

    async def _shown(self, kind: Kind) -> list[Any]:
        """What clients see, where nobody in particular asks."""
        if not any(source.asks_each_time for source in self._sources):
            return list(await self.offer(kind))
        from mcp_runtime.framework.serving import nobodys_context

        return await self._listed(kind, nobodys_context(cast("FastMCP", self)))


class _Awaited:
    """`await mcp.get_tool("x")` where the tool is another server's, which has to be asked."""

    def __init__(self, server: Composing, kind: Kind, key: str) -> None:
        self._server = server
        self._kind: Kind = kind
        self._key = key

    def __await__(self) -> Generator[Any, None, Component]:
        return self._find().__await__()

    def __getattr__(self, name: str) -> Any:
        raise _NotYet(
            f"{self._key!r} may be another server's, which has to be asked first: await what get_…() returned."
        )

    async def _find(self) -> Component:
        found: Component | None = (await self._server.offer(self._kind)).find(self._key)
        return self._server._catalogues[self._kind].get(self._key) if found is None else found


_OPENAPI_OPTIONS = (
    "route_maps",
    "route_map_fn",
    "mcp_component_fn",
    "mcp_names",
    "tags",
    "validate_output",
    "timeout",
)


def _taken(options: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Those of `names` out of `options`."""
    return {name: options.pop(name) for name in names if name in options}


class _NotYet(NotFoundError, AttributeError):
    """Not found without waiting."""


def _swapped(server: Any, prefix: Any) -> tuple[Any, str | None]:
    """The order of arguments that versions before 2.9 had: the prefix first."""
    if isinstance(server, str):
        warnings.warn(
            "mount(prefix, server) is the older order: write mount(server, prefix=…).", DeprecationWarning, stacklevel=3
        )
        return prefix, server
    return server, prefix


def _refuse_separators(*separators: str | None) -> None:
    if any(separator is not None for separator in separators):
        raise TypeError(
            "Separators are no longer chosen: names are joined by '_', URIs as resource_prefix_format says."
        )
