"""Using a server's components without a client: `await mcp.call_tool("add", {"a": 1})` (a later spelling)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from mcp_runtime.framework.composition.composing import Composing
from mcp_runtime.framework.context import Context, current_context, entered
from mcp_runtime.framework.errors import FrameworkError, NotFoundError, PromptError, ResourceError, ToolError
from mcp_runtime.protocol.errors import McpError, UnknownPrompt, UnknownResource, UnknownTool

if TYPE_CHECKING:
    from mcp_runtime.framework.components.prompt import PromptResult
    from mcp_runtime.framework.components.tool import ToolResult
    from mcp_runtime.framework.resource_contents import ResourceResult
    from mcp_runtime.framework.server import FastMCP

__all__ = ("Direct",)


class Direct(Composing):
    """The methods of `FastMCP` that answer whoever holds the server, by way of its middleware.

    Inside of a request they act for its caller, outside of one for nobody. They raise NotFoundError for what is not
    there, and what fails as a ToolError, ResourceError or PromptError, masked as the server says.
    """

    async def call_tool(
        self, name: str, arguments: Mapping[str, Any] | None = None, *, version: str | None = None
    ) -> ToolResult:
        """Call a tool."""
        with self._using(version, ToolError, f"calling tool {name!r}") as context:
            return await self.call(name, arguments or {}, context)

    async def read_resource(self, uri: object, *, version: str | None = None) -> ResourceResult:
        """Read a resource."""
        with self._using(version, ResourceError, f"reading resource {str(uri)!r}") as context:
            return await self.read(str(uri), context)

    async def render_prompt(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        context: Context | None = None,
        *,
        version: str | None = None,
    ) -> PromptResult:
        """Render a prompt; with `context`, for the request that is being answered in it, errors as they are."""
        if context is not None:
            return await super().render_prompt(name, arguments or {}, context)
        with self._using(version, PromptError, f"rendering prompt {name!r}") as own:
            return await super().render_prompt(name, arguments or {}, own)

    @contextmanager
    def _using(self, version: str | None, kind: type[FrameworkError], doing: str) -> Iterator[Context]:
        with entered(self._own_context(version)) as context:
            try:
                yield context
            except (UnknownTool, UnknownResource, UnknownPrompt) as error:
                raise NotFoundError(str(error)) from error
            except (FrameworkError, McpError):
                raise
            except Exception as error:
                words = "" if self.mask_error_details else f": {error}"
                raise kind(f"Error {doing}{words}") from error

    def _own_context(self, version: str | None) -> Context:
        from mcp_runtime.framework.serving import nobodys_context

        server, around = cast("FastMCP", self), current_context()
        context = nobodys_context(server) if around is None else around.on(server)
        context._meta.pop("fastmcp", None)
        if version is not None:
            context._meta["fastmcp"] = {"version": version}
        return context
