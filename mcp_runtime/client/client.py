"""The client (FASTMCP 1.7)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from mcp_runtime.client.handlers import (
    ElicitationHandler,
    Handlers,
    LogHandler,
    MessageHandler,
    ProgressHandler,
    Roots,
    SamplingHandler,
)
from mcp_runtime.client.rebuild import Rebuilder, compile_schema
from mcp_runtime.client.results import CallToolResult
from mcp_runtime.client.transports.base import Transport
from mcp_runtime.client.transports.infer import transport_for
from mcp_runtime.client.transports.memory import MemoryTransport
from mcp_runtime.framework.errors import ClientError, ToolError
from mcp_runtime.framework.functions.results import as_json, as_plain
from mcp_runtime.framework.types import (
    GetPromptResult,
    InitializeResult,
    Prompt,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    Tool,
)
from mcp_runtime.protocol.errors import McpError

__all__ = ("Client",)

_CLOSING_SECONDS = 5.0
_MOST_PAGES = 250
_TIMED_OUT = 408
"""The code the SDKs give a request that timed out at the client."""

Seconds = float | timedelta | None


class Client:
    """Talks to one server: `Client(mcp)` in memory, `Client("https://host/t/acme/weather/mcp", auth=key)` over HTTP.

    Entering the same client again, also from another task, shares the connection; the last one out closes it.
    """

    def __init__(
        self,
        target: Any,
        *,
        name: str | None = None,
        auth: Any = None,
        mode: str = "auto",
        roots: Roots | None = None,
        sampling_handler: SamplingHandler | None = None,
        elicitation_handler: ElicitationHandler | None = None,
        log_handler: LogHandler | None = None,
        message_handler: MessageHandler | None = None,
        progress_handler: ProgressHandler | None = None,
        timeout: Seconds = None,
        init_timeout: Seconds = None,
        auto_initialize: bool = True,
        client_info: Mapping[str, Any] | None = None,
    ) -> None:
        self._transport: Transport = transport_for(target, auth=auth, mode=mode)
        self._handlers = Handlers(
            log=log_handler,
            progress=progress_handler,
            message=message_handler,
            sampling=sampling_handler,
            elicitation=elicitation_handler,
            roots=roots,
        )
        self._client_info = dict(client_info or {"name": name or "stoa-client", "version": "1"})
        self._timeout = _seconds(timeout)
        self._init_timeout = _seconds(init_timeout)
        self._auto_initialize = auto_initialize
        self._users = 0
        self._turn = asyncio.Lock()
        self._result: InitializeResult | None = None
        self._schemas: dict[str, dict[str, Any] | None] = {}
        self._rebuilders: dict[str, tuple[Rebuilder | None, bool]] = {}

    async def __aenter__(self) -> Self:
        async with self._turn:
            if self._users == 0:
                await self._connect()
            self._users += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._turn:
            self._users -= 1
            if self._users == 0:
                await self._disconnect()

    async def close(self) -> None:
        """Close the connection, whoever else uses it."""
        async with self._turn:
            if self._users:
                self._users = 0
                await self._disconnect()

    @property
    def transport(self) -> Transport:
        return self._transport

    def is_connected(self) -> bool:
        return self._users > 0

    @property
    def initialize_result(self) -> InitializeResult:
        """Who the server is. Raises ClientError before the client is connected."""
        if self._result is None:
            raise ClientError("The client has not been introduced to the server yet.")
        return self._result

    async def initialize(self, timeout: Seconds = None) -> InitializeResult:  # noqa: ASYNC109 - the document's name
        """Agree on a version and learn who the server is, once. Raises RuntimeError if that takes too long."""
        if self._result is None:
            limit = _seconds(timeout) or self._init_timeout
            try:
                async with asyncio.timeout(limit):
                    self._result = await self._transport.introduce()
            except TimeoutError as error:
                raise RuntimeError("Failed to initialize server session") from error
        return self._result

    async def ping(self) -> bool:
        """Whether the server answers."""
        modern = self._result is not None and self._result.protocol_version >= "2026"
        await self._request("server/discover" if modern else "ping", {})
        return True

    # Tools.

    async def list_tools(self) -> list[Tool]:
        tools = [Tool.from_wire(item) for item in await self._list("tools/list", "tools")]
        for tool in tools:
            self._learn(tool.name, tool.output_schema)
        return tools

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: Seconds = None,  # noqa: ASYNC109 - the document's name
        progress_handler: ProgressHandler | None = None,
        raise_on_error: bool = True,
        meta: Mapping[str, Any] | None = None,
    ) -> CallToolResult:
        """Call a tool. Raises ToolError for a failed one, unless `raise_on_error` is False; McpError for the rest."""
        params: dict[str, Any] = {"name": name, "arguments": as_plain(dict(arguments or {}))}
        if meta:
            params["_meta"] = dict(meta)
        answer = await self._request("tools/call", params, timeout=timeout, progress=progress_handler)
        rebuild, wrapped = self._rebuilder(name)
        result = CallToolResult(answer, rebuild, wrapped=wrapped)
        if result.is_error and raise_on_error:
            raise ToolError(result.text or "The tool failed without saying why.")
        return result

    # Resources.

    async def list_resources(self) -> list[Resource]:
        return [Resource.from_wire(item) for item in await self._list("resources/list", "resources")]

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        found = await self._list("resources/templates/list", "resourceTemplates")
        return [ResourceTemplate.from_wire(item) for item in found]

    async def read_resource(self, uri: object) -> list[Any]:
        """The resource's contents: text or blobs, with `.uri` and `.mime_type`."""
        answer = await self._request("resources/read", {"uri": str(uri)})
        return ReadResourceResult.from_wire(answer).contents

    # Prompts.

    async def list_prompts(self) -> list[Prompt]:
        return [Prompt.from_wire(item) for item in await self._list("prompts/list", "prompts")]

    async def get_prompt(self, name: str, arguments: Mapping[str, Any] | None = None) -> GetPromptResult:
        """Render a prompt; arguments that are not texts are written as JSON (FASTMCP CL-12)."""
        texts = {key: value if isinstance(value, str) else as_json(value) for key, value in (arguments or {}).items()}
        return GetPromptResult.from_wire(await self._request("prompts/get", {"name": name, "arguments": texts}))

    async def _list(self, method: str, member: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            answer = await self._request(method, {} if cursor is None else {"cursor": cursor})
            found += answer.get(member) or []
            cursor = answer.get("nextCursor")
            if cursor is None:
                return found
        raise ClientError(f"The server's list did not end after {_MOST_PAGES} pages.")

    async def _request(
        self,
        method: str,
        params: dict[str, Any],
        *,
        timeout: Seconds = None,  # noqa: ASYNC109 - handed on from call_tool
        progress: ProgressHandler | None = None,
    ) -> dict[str, Any]:
        if not self._users:
            raise RuntimeError("Client is not connected. Use it inside `async with client:`.")
        limit = _seconds(timeout) or self._timeout
        if limit is None:
            return _complete(await self._transport.request(method, params, progress=progress))
        task = asyncio.ensure_future(self._transport.request(method, params, progress=progress))
        try:
            done, _ = await asyncio.wait({task}, timeout=limit)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()  # not awaited: the answer is late already
            task.add_done_callback(_forget)
            raise McpError(f"Timed out while waiting for {method}: no answer in {limit:g} s.", code=_TIMED_OUT)
        return _complete(task.result())

    async def _connect(self) -> None:
        await self._transport.open(self._handlers, self._client_info)
        if self._auto_initialize:
            try:
                await self.initialize()
            except BaseException:
                await self._disconnect()
                raise

    async def _disconnect(self) -> None:
        self._result = None
        self._schemas.clear()
        self._rebuilders.clear()
        try:
            async with asyncio.timeout(_CLOSING_SECONDS):
                await self._transport.close()
        except TimeoutError:
            pass  # the server does not say goodbye; we leave

    def _learn(self, name: str, schema: dict[str, Any] | None) -> None:
        if name not in self._schemas or self._schemas[name] != schema:
            self._schemas[name] = schema
            self._rebuilders.pop(name, None)

    def _rebuilder(self, name: str) -> tuple[Rebuilder | None, bool | None]:
        """What is known of a tool's output, without asking the server for it (FASTMCP CL-08)."""
        if name not in self._schemas:
            if not isinstance(self._transport, MemoryTransport):
                return None, None
            self._learn(name, self._transport.output_schema(name))
        if name not in self._rebuilders:
            self._rebuilders[name] = _compiled(self._schemas[name])
        return self._rebuilders[name]


def _compiled(schema: dict[str, Any] | None) -> tuple[Rebuilder | None, bool]:
    """A rebuilder for what is inside the wrapping, and whether there is one."""
    if schema is None:
        return None, False
    if not schema.get("x-fastmcp-wrap-result"):
        return compile_schema(schema), False
    inner = (schema.get("properties") or {}).get("result") or {}
    return compile_schema({**inner, "$defs": schema.get("$defs") or {}}), True


def _complete(answer: dict[str, Any]) -> dict[str, Any]:
    """Without the era's envelope (PROTOCOL R-02)."""
    answer.pop("resultType", None)
    return answer


def _seconds(value: Seconds) -> float | None:
    return value.total_seconds() if isinstance(value, timedelta) else value


def _forget(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()
