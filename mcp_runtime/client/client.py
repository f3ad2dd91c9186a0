"""The client (FASTMCP 1.7)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self, overload

from mcp_runtime.client.connection import Connection, Seconds
from mcp_runtime.client.handlers import (
    ElicitationHandler,
    Handlers,
    LogHandler,
    MessageCallback,
    ProgressHandler,
    Roots,
    SamplingHandler,
)
from mcp_runtime.client.listed import tool_from
from mcp_runtime.client.outputs import Outputs
from mcp_runtime.client.results import CallToolResult
from mcp_runtime.client.transports.infer import transport_for
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.functions.results import as_json, as_plain
from mcp_runtime.framework.types import CallToolResult as RawCallToolResult
from mcp_runtime.framework.types import (
    GetPromptResult,
    Model,
    Prompt,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    SamplingCapability,
    Tool,
    plain,
)
from mcp_runtime.framework.types.lists import (
    CompleteResult,
    Completion,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
)

if TYPE_CHECKING:
    from mcp_runtime.client.tasks import ToolTask

__all__ = ("Client",)

_MOST_PAGES = 250


class Client(Connection):
    """Talks to one server: `Client(mcp)` in memory, `Client("https://host/t/acme/weather/mcp", auth=key)` over HTTP,
    `Client("server.py")` as a child process, `Client({"mcpServers": {…}})` to several.

    Entering the same client again, also from another task, shares the connection; the last one out closes it.
    `mode` is the era to speak: "auto", "legacy", or one revision such as "2026-07-28".
    """

    def __init__(
        self,
        transport: Any,
        name: str | None = None,
        roots: Roots | None = None,
        sampling_handler: SamplingHandler | None = None,
        sampling_capabilities: SamplingCapability | Mapping[str, Any] | None = None,
        elicitation_handler: ElicitationHandler | None = None,
        log_handler: LogHandler | None = None,
        message_handler: MessageCallback | None = None,
        progress_handler: ProgressHandler | None = None,
        timeout: Seconds = None,
        auto_initialize: bool = True,
        init_timeout: Seconds = None,
        client_info: Mapping[str, Any] | Model | None = None,
        auth: Any = None,
        *,
        mode: str = "auto",
        input_required_max_rounds: int = 10,
    ) -> None:
        self.name = name or f"Client-{os.urandom(2).hex()}"
        super().__init__(
            transport_for(transport, auth=auth, mode=mode),
            Handlers(
                log=log_handler,
                progress=progress_handler,
                message=message_handler,
                sampling=sampling_handler,
                sampling_capabilities=sampling_capabilities,
                elicitation=elicitation_handler,
                roots=roots,
            ),
            dict(plain(client_info) if client_info is not None else {"name": name or "stoa-client", "version": "1"}),
            timeout=timeout,
            init_timeout=init_timeout,
            auto_initialize=auto_initialize,
            rounds=input_required_max_rounds,
        )
        self._outputs = Outputs()

    def __repr__(self) -> str:
        return f"<Client {self.name!r} of {self._transport!r}>"

    def new(self) -> Self:
        """Another client of the same server with the same handlers, not connected."""
        import asyncio
        import copy
        import dataclasses
        from weakref import WeakValueDictionary

        other = copy.copy(self)
        other._transport = self._transport.fresh()
        other._handlers = dataclasses.replace(self._handlers, tasks=WeakValueDictionary())
        other._outputs = Outputs()
        other._users, other._result, other._turn, other._work = 0, None, asyncio.Lock(), set()
        other.name = f"Client-{os.urandom(2).hex()}"
        return other

    def set_roots(self, roots: Roots) -> None:
        """For the next connection; tell a connected server with `send_roots_list_changed`."""
        self._handlers.roots = roots

    def set_sampling_callback(
        self, handler: SamplingHandler, capabilities: SamplingCapability | Mapping[str, Any] | None = None
    ) -> None:
        self._handlers.sampling = handler
        self._handlers.sampling_capabilities = capabilities

    def set_elicitation_callback(self, handler: ElicitationHandler) -> None:
        self._handlers.elicitation = handler

    # Tools.

    async def list_tools(self, max_pages: int = _MOST_PAGES) -> list[Tool]:
        """All tools, page by page."""
        tools = [tool_from(item) for item in await self._list("tools/list", "tools", max_pages)]
        self._outputs.listed(tools)
        return tools

    async def list_tools_mcp(self, *, cursor: str | None = None) -> ListToolsResult:
        """One page, as the server sends it."""
        answer = await self._request("tools/list", _page(cursor))
        return ListToolsResult(**{**answer, "tools": [tool_from(item) for item in answer.get("tools") or []]})

    @overload
    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: Seconds = None,  # noqa: ASYNC109 - the document's name
        progress_handler: ProgressHandler | None = None,
        raise_on_error: bool = True,
        meta: Mapping[str, Any] | None = None,
        version: str | None = None,
        task: Literal[False] = False,
    ) -> CallToolResult: ...

    @overload
    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: Seconds = None,  # noqa: ASYNC109 - the document's name
        progress_handler: ProgressHandler | None = None,
        raise_on_error: bool = True,
        meta: Mapping[str, Any] | None = None,
        version: str | None = None,
        task: Literal[True],
        ttl: int | None = None,
    ) -> ToolTask: ...

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: Seconds = None,  # noqa: ASYNC109 - the document's name
        progress_handler: ProgressHandler | None = None,
        raise_on_error: bool = True,
        meta: Mapping[str, Any] | None = None,
        version: str | None = None,
        task: bool = False,
        ttl: int | None = None,
    ) -> CallToolResult | ToolTask:
        """Call a tool. Raises ToolError for a failed one, unless `raise_on_error` is False; McpError for the rest.

        With `task`, where the server and the tool offer that, the call goes on in the background, and what comes back
        at once is a handle of it; `ttl` is how many milliseconds a server of 2025-11-25 shall keep it.
        """
        meta = _versioned(meta, version)

        def finished(answer: dict[str, Any]) -> CallToolResult:
            rebuild, wrapped = self._outputs.rebuilder(name, self._transport)
            result = CallToolResult(answer, rebuild, wrapped=wrapped)
            if result.is_error and raise_on_error:
                raise ToolError(result.text or "The tool failed without saying why.")
            return result

        if not task:
            return finished(await self._call(name, arguments, timeout, progress_handler, meta))
        from mcp_runtime.client.tasks import ToolTask, asking_for_task

        params = self._call_params(name, arguments, meta)
        modern = self.protocol_version >= "2026"
        if modern or self.server_capabilities.get("tasks"):
            params = asking_for_task(params, modern=modern, ttl=ttl)
        answer = await self._request("tools/call", params, timeout=timeout, progress=progress_handler)
        return ToolTask(self, answer, finished)

    async def call_tool_mcp(
        self,
        name: str,
        arguments: Mapping[str, Any],
        progress_handler: ProgressHandler | None = None,
        timeout: Seconds = None,  # noqa: ASYNC109 - the document's name
        meta: Mapping[str, Any] | None = None,
    ) -> RawCallToolResult:
        """The same as the protocol spells it; a failed tool raises nothing."""
        return RawCallToolResult(**await self._call(name, arguments, timeout, progress_handler, meta))

    async def _call(
        self,
        name: str,
        arguments: Mapping[str, Any] | None,
        timeout: Seconds,  # noqa: ASYNC109 - handed on
        progress: ProgressHandler | None,
        meta: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        params = self._call_params(name, arguments, meta)
        return await self._request("tools/call", params, timeout=timeout, progress=progress)

    @staticmethod
    def _call_params(name: str, arguments: Mapping[str, Any] | None, meta: Mapping[str, Any] | None) -> dict[str, Any]:
        return _with_meta({"name": name, "arguments": as_plain(dict(arguments or {}))}, meta)

    # Resources.

    async def list_resources(self, max_pages: int = _MOST_PAGES) -> list[Resource]:
        return [Resource.from_wire(item) for item in await self._list("resources/list", "resources", max_pages)]

    async def list_resources_mcp(self, *, cursor: str | None = None) -> ListResourcesResult:
        return ListResourcesResult(**await self._request("resources/list", _page(cursor)))

    async def list_resource_templates(self, max_pages: int = _MOST_PAGES) -> list[ResourceTemplate]:
        found = await self._list("resources/templates/list", "resourceTemplates", max_pages)
        return [ResourceTemplate.from_wire(item) for item in found]

    async def list_resource_templates_mcp(self, *, cursor: str | None = None) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(**await self._request("resources/templates/list", _page(cursor)))

    async def read_resource(
        self, uri: object, *, meta: Mapping[str, Any] | None = None, version: str | None = None
    ) -> list[Any]:
        """The resource's contents: text or blobs, with `.uri` and `.mime_type`."""
        return (await self.read_resource_mcp(uri, _versioned(meta, version))).contents

    async def read_resource_mcp(self, uri: object, meta: Mapping[str, Any] | None = None) -> ReadResourceResult:
        return ReadResourceResult(**await self._request("resources/read", _with_meta({"uri": str(uri)}, meta)))

    # Prompts.

    async def list_prompts(self, max_pages: int = _MOST_PAGES) -> list[Prompt]:
        return [Prompt.from_wire(item) for item in await self._list("prompts/list", "prompts", max_pages)]

    async def list_prompts_mcp(self, *, cursor: str | None = None) -> ListPromptsResult:
        return ListPromptsResult(**await self._request("prompts/list", _page(cursor)))

    async def get_prompt(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        meta: Mapping[str, Any] | None = None,
        version: str | None = None,
    ) -> GetPromptResult:
        """Render a prompt; arguments that are not texts are written as JSON (FASTMCP CL-12)."""
        texts = {key: value if isinstance(value, str) else as_json(value) for key, value in (arguments or {}).items()}
        params = _with_meta({"name": name, "arguments": texts}, _versioned(meta, version))
        return GetPromptResult(**await self._request("prompts/get", params))

    get_prompt_mcp = get_prompt

    # The rest of the protocol.

    async def ping(self) -> bool:
        """Whether the server answers."""
        modern = self._result is not None and self._result.protocol_version >= "2026"
        await self._request("server/discover" if modern else "ping", {})
        return True

    async def complete(
        self, ref: Any, argument: Mapping[str, str], context_arguments: Mapping[str, Any] | None = None
    ) -> Completion:
        """Values for an argument of a prompt or a resource template, as far as it is written (PROTOCOL C-01)."""
        return (await self.complete_mcp(ref, argument, context_arguments)).completion

    async def complete_mcp(
        self, ref: Any, argument: Mapping[str, str], context_arguments: Mapping[str, Any] | None = None
    ) -> CompleteResult:
        params: dict[str, Any] = {"ref": plain(ref), "argument": dict(argument)}
        if context_arguments:
            params["context"] = {"arguments": dict(context_arguments)}
        return CompleteResult(**await self._request("completion/complete", params))

    async def set_logging_level(self, level: str) -> None:
        """The lowest level of log messages to send from now on; in the modern era each request says it."""
        self._handlers.log_level = level
        if self.protocol_version < "2026":
            await self._request("logging/setLevel", {"level": level})

    async def cancel(self, request_id: str | int, reason: str | None = None) -> None:
        """Tell the server that the answer to a request is not needed any more. Cancelling the task does so too."""
        params: dict[str, Any] = {"requestId": request_id}
        if reason is not None:
            params["reason"] = reason
        await self._notify("notifications/cancelled", params)

    async def progress(
        self, progress_token: str | int, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """Tell the server how far the answer to its question is."""
        given = {"progressToken": progress_token, "progress": progress, "total": total, "message": message}
        await self._notify("notifications/progress", {key: item for key, item in given.items() if item is not None})

    async def send_roots_list_changed(self) -> None:
        """Tell a server of the older eras to ask for the roots again; of the modern one, it asks when it needs them."""
        await self._notify("notifications/roots/list_changed", {})

    async def _notify(self, method: str, params: dict[str, Any]) -> None:
        if not self._users:
            raise RuntimeError("Client is not connected. Use it inside `async with client:`.")
        await self._transport.notify(method, params)

    async def _disconnect(self) -> None:
        self._outputs.forget()
        await super()._disconnect()


def _page(cursor: str | None) -> dict[str, Any]:
    return {} if cursor is None else {"cursor": cursor}


def _with_meta(params: dict[str, Any], meta: Mapping[str, Any] | None) -> dict[str, Any]:
    return {**params, "_meta": dict(meta)} if meta else params


def _versioned(meta: Mapping[str, Any] | None, version: str | None) -> Mapping[str, Any] | None:
    """`_meta` with the version of the component that is wanted, as servers of later versions read it."""
    if version is None:
        return meta
    own = (meta or {}).get("fastmcp")
    return {**(meta or {}), "fastmcp": {**(own if isinstance(own, dict) else {}), "version": version}}
