"""FastMCP: the object an author hangs tools, resources and prompts on (FASTMCP 1.2)."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from mcp_runtime.framework.catalogue import Catalogue, DuplicatePolicy, checked_policy
from mcp_runtime.framework.components.base import Unset, UnsetType
from mcp_runtime.framework.components.security import SAFE, ResourceSecurity
from mcp_runtime.framework.components.tool import Tool
from mcp_runtime.framework.composition.sources import Kind
from mcp_runtime.framework.lifespan import Lifespan
from mcp_runtime.framework.options import (
    chosen,
    one_of,
    refuse_missing,
    refuse_unknown,
    split_host_options,
    split_transport_options,
)
from mcp_runtime.framework.registering import Registering
from mcp_runtime.framework.settings import settings
from mcp_runtime.framework.standalone import Standalone
from mcp_runtime.framework.types import Icon
from mcp_runtime.framework.visibility import Visibility

if TYPE_CHECKING:
    from mcp_runtime.framework.auth.provider import AuthProvider
    from mcp_runtime.framework.lifespan import LifespanFunction

__all__ = ("FastMCP",)

Icons = Iterable[Icon | Mapping[str, Any]]


class FastMCP(Registering, Standalone):
    """An MCP server: `mcp = FastMCP("Weather")`, then `@mcp.tool`, `@mcp.resource("data://…")`, `@mcp.prompt`."""

    def __init__(
        self,
        name: str | None = None,
        instructions: str | None = None,
        *,
        version: str | float | None = None,
        website_url: str | None = None,
        icons: Icons | None = None,
        lifespan: LifespanFunction | None = None,
        tools: Iterable[Tool | Callable[..., Any]] | None = None,
        auth: AuthProvider | UnsetType | None = Unset,
        middleware: Iterable[Any] | None = None,
        providers: Iterable[Any] | None = None,
        transforms: Iterable[Any] | None = None,
        tool_transformations: Mapping[str, Any] | None = None,
        mask_error_details: bool | None = None,
        strict_input_validation: bool | None = None,
        decode_json_texts: bool | None = None,
        on_duplicate: str | None = None,
        on_duplicate_tools: str | None = None,
        on_duplicate_resources: str | None = None,
        on_duplicate_prompts: str | None = None,
        resource_prefix_format: str | None = None,
        resource_security: ResourceSecurity | None = SAFE,
        include_tags: Collection[str] | None = None,
        exclude_tags: Collection[str] | None = None,
        include_fastmcp_meta: bool | None = None,
        tool_serializer: Callable[[Any], str] | None = None,
        tasks: bool | None = None,
        sampling_handler: Callable[..., Any] | None = None,
        sampling_handler_behavior: Literal["always", "fallback"] | None = None,
        session_state_store: Any = None,
        client_log_level: str | None = None,
        **options: Any,
    ) -> None:
        self.run_options = split_transport_options(options)
        """What the constructor was told about listening; for whoever runs the server."""
        self.host_options = split_host_options(options)
        """What it was told about what a gateway does alike for every server; see `options.HOST_OPTIONS`."""
        refuse_unknown(FastMCP.__init__, options)
        self.auth = _provider(auth)
        """Who may call where the server listens by itself; a platform that authenticates callers does not use it."""
        self.given_name = name
        """The author's; without one the server makes up another at every start."""
        self.name = name or f"FastMCP-{os.urandom(2).hex()}"
        self.instructions = instructions
        self.version = "" if version is None else str(version)
        self.website_url = website_url
        self.icons = [Icon.from_wire(icon) for icon in icons or ()]
        self.mask_error_details = chosen(mask_error_details, settings.mask_error_details)
        self.strict_input_validation = chosen(strict_input_validation, settings.strict_input_validation)
        self.decode_json_texts = chosen(decode_json_texts, settings.tool_attempt_parse_json_args)
        """Read a text as JSON where it does not fit as it is, as some models write lists and objects."""
        self.resource_prefix_format = one_of("resource_prefix_format", resource_prefix_format, ("path", "protocol"))
        self.resource_security = resource_security
        self.include_fastmcp_meta = chosen(include_fastmcp_meta, settings.include_fastmcp_meta)
        self.tool_serializer = tool_serializer
        self.tasks = tasks
        """Whether components may run as tasks where they do not say."""
        self.sampling_handler = sampling_handler
        self.sampling_handler_behavior = one_of(
            "sampling_handler_behavior", sampling_handler_behavior, ("fallback", "always")
        )
        self.session_state_store = session_state_store
        self.client_log_level = client_log_level
        """The lowest level of log messages that clients get who did not ask for one; None sends them none."""
        self._lifespan = None if lifespan is None else Lifespan(self, lifespan)

        self._visibility = visibility = Visibility(
            _tags(include_tags, settings.include_tags), _tags(exclude_tags, settings.exclude_tags)
        )
        for_all = None if on_duplicate is None else checked_policy(on_duplicate, "on_duplicate")

        def policy(given: str | None, parameter: str) -> DuplicatePolicy:
            return checked_policy(given or for_all or getattr(settings, parameter), parameter)

        self._tools = Catalogue("tool", policy(on_duplicate_tools, "on_duplicate_tools"), visibility)
        resources = policy(on_duplicate_resources, "on_duplicate_resources")
        self._resources = Catalogue("resource", resources, visibility)
        self._templates = Catalogue("resource template", resources, visibility)
        self._prompts = Catalogue("prompt", policy(on_duplicate_prompts, "on_duplicate_prompts"), visibility)
        self._catalogues: dict[Kind, Catalogue[Any]] = {
            "tools": self._tools,
            "resources": self._resources,
            "resourceTemplates": self._templates,
            "prompts": self._prompts,
        }
        self._compose()
        for tool in tools or ():
            self.add_tool(tool)
        for one in middleware or ():
            self.add_middleware(one)
        for provider in providers or ():
            self.add_provider(provider)
        for transform in transforms or ():
            self.add_transform(transform)
        for tool_name, transformation in (tool_transformations or {}).items():
            self.add_tool_transformation(tool_name, transformation)

    def __repr__(self) -> str:
        return f"FastMCP({self.name!r})"

    def __getattr__(self, name: str) -> NoReturn:
        refuse_missing(name)

    # Running is in Standalone; what serving needs is in Composed.

    @property
    def lifespan_value(self) -> Any:
        """What the lifespan yielded."""
        return {} if self._lifespan is None else self._lifespan.value


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


def _tags(tags: Collection[str] | None, default: set[str] | None) -> set[str] | None:
    if isinstance(tags, str):
        raise TypeError(f"A tag filter is a set of names, not the single text {tags!r}: write {{{tags!r}}}.")
    return default if tags is None else set(tags)
