"""A server in the same process, reached through the same path as over the wire (FASTMCP CL-01)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Callable
from typing import Any, Self
from weakref import WeakKeyDictionary

import msgspec

from mcp_runtime.client.handlers import Handlers, ProgressHandler
from mcp_runtime.client.transports.eras import LATEST_LEGACY, MODERN, declared
from mcp_runtime.framework.background import CHANGED, STATUS, BackgroundServer, told
from mcp_runtime.framework.server import FastMCP
from mcp_runtime.framework.serving import serve
from mcp_runtime.framework.types import InitializeResult
from mcp_runtime.ports.tasks import Task
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import McpError
from mcp_runtime.protocol.versions import BY_NAME
from mcp_runtime.protocol.versions import MODERN as MODERN_REVISION

__all__ = ("MemoryTransport",)

_users: WeakKeyDictionary[FastMCP, int] = WeakKeyDictionary()
"""How many open clients each server has; its lifespan ends with the last."""


class MemoryTransport:
    """Calls the server's `serve`; what passes is written to JSON and read again, as it would be on a wire.

    In the modern era the server is introduced by `server/discover`, in a legacy one by `initialize`; questions of the
    server are asked while the call waits in both.
    """

    def __init__(self, server: FastMCP, *, mode: str = "auto") -> None:
        self.server = server
        self._mode = mode
        self._version = MODERN if mode == "auto" else LATEST_LEGACY if mode == "legacy" else mode
        self._handlers = Handlers()
        self._client_info: dict[str, Any] = {}
        self._ids = itertools.count(1)
        self._session_id = ""
        self._revision = BY_NAME.get(self._version, MODERN_REVISION)
        self._tasks = BackgroundServer(server, changed=self._task_changed)
        self._telling: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<MemoryTransport to {self.server!r}>"

    def fresh(self) -> Self:
        return type(self)(self.server, mode=self._mode)

    async def open(self, handlers: Handlers, client_info: dict[str, Any]) -> None:
        self._handlers, self._client_info = handlers, client_info
        self._session_id = os.urandom(16).hex()
        _users[self.server] = _users.get(self.server, 0) + 1
        await self.server.start()

    async def introduce(self) -> InitializeResult:
        if self._version < MODERN:
            answer = await self.request(
                "initialize",
                {
                    "protocolVersion": self._version,
                    "capabilities": self._handlers.capabilities,
                    "clientInfo": self._client_info,
                },
            )
            await self.notify("notifications/initialized", {})
            return InitializeResult(**{**answer, "capabilities": await self._capabilities(answer)})
        answer = await self.request("server/discover", {})
        return InitializeResult(
            protocol_version=MODERN,
            capabilities=await self._capabilities(answer),
            server_info=answer["_meta"]["io.modelcontextprotocol/serverInfo"],
            instructions=answer.get("instructions"),
        )

    async def request(
        self, method: str, params: dict[str, Any], *, progress: ProgressHandler | None = None
    ) -> dict[str, Any]:
        params, capabilities = declared(params, self._handlers)
        exchange = self._exchange(progress, capabilities)
        try:
            result = await self._tasks.serve(method, _through_json(params), exchange)
        finally:
            await exchange.delivered()
        if method == "tools/list":
            page = _tools_decoder.decode(msgspec.json.encode(result))
            return {"tools": page.tools} | ({} if page.next is None else {"nextCursor": page.next})
        answer: dict[str, Any] = _through_json(result)
        return answer

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        with contextlib.suppress(McpError):  # notifications are not answered (PROTOCOL B-03)
            await serve(self.server, method, _through_json(params), self._exchange(None, self._handlers.capabilities))

    def output_schema(self, name: str) -> dict[str, Any] | None:
        """A tool's output schema, known here without asking for it. Raises NotFoundError."""
        return self.server.get_tool(name).output_schema

    async def close(self) -> None:
        await self._tasks.aclose()
        left = _users.get(self.server, 1) - 1
        if left > 0:
            _users[self.server] = left
        else:
            _users.pop(self.server, None)
            await self.server.stop()

    async def _capabilities(self, answer: dict[str, Any]) -> dict[str, Any]:
        capabilities: dict[str, Any] = answer["capabilities"]
        return capabilities | await self._tasks.capabilities(self._revision)

    def _task_changed(self, task: Task) -> None:
        """Tell the client, which need not ask for that where there is no wire."""
        method = CHANGED if self._revision.modern else STATUS
        params = _through_json(told(task, modern=self._revision.modern))
        telling = asyncio.get_running_loop().create_task(self._handlers.notified(method, params))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    def _exchange(self, progress: ProgressHandler | None, capabilities: dict[str, Any]) -> _MemoryExchange:
        handlers = self._handlers
        caller = Caller(
            request_id=str(next(self._ids)),
            subject="",
            client_id="",
            protocol_version=self._version,
            client_capabilities=capabilities,
            progress=progress is not None or handlers.progress is not None,
            log_level=handlers.log_level if handlers.log is not None else None,
        )
        return _MemoryExchange(caller, handlers, progress, self._session_id)


class _ToolsPage(msgspec.Struct):
    """A page of tools, each still JSON (see `listed`)."""

    tools: list[msgspec.Raw]
    next: str | None = msgspec.field(default=None, name="nextCursor")


_tools_decoder = msgspec.json.Decoder(_ToolsPage)


class _MemoryExchange:
    """Delivers notifications to the client's handlers in order, beside the call that sends them."""

    def __init__(self, caller: Caller, handlers: Handlers, progress: ProgressHandler | None, session_id: str) -> None:
        self.caller = caller
        self.request_id = caller.request_id
        self.session_id = session_id
        self._handlers = handlers
        self._progress = progress
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[tuple[str, dict[str, Any]] | None] = asyncio.Queue()
        self._deliverer: asyncio.Task[None] | None = None

    def log(self, level: str, logger: str | None, data: object) -> None:
        self.notify("notifications/message", {"level": level, "logger": logger, "data": data})

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.notify("notifications/progress", {"progress": progress, "total": total, "message": message})

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self._on_loop(lambda: self._enqueue(method, params))

    async def ask(self, method: str, params: dict[str, object]) -> dict[str, object]:
        answer: dict[str, object] = _through_json(await self._handlers.asked(method, _through_json(params)))
        return answer

    async def delivered(self) -> None:
        """Return when every notification sent so far has been handled."""
        if self._deliverer is not None:
            self._queue.put_nowait(None)
            await self._deliverer

    def _on_loop(self, action: Callable[[], None]) -> None:
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            action()
        else:
            self._loop.call_soon_threadsafe(action)

    def _enqueue(self, method: str, params: dict[str, Any]) -> None:
        self._queue.put_nowait((method, params))
        if self._deliverer is None:
            self._deliverer = self._loop.create_task(self._deliver())

    async def _deliver(self) -> None:
        while (item := await self._queue.get()) is not None:
            method, params = item
            await self._handlers.notified(method, _through_json(params), self._progress)


def _through_json(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))
