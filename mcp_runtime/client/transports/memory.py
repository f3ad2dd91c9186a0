"""A server in the same process, reached through the same path as over the wire (FASTMCP CL-01)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from mcp_runtime.client.handlers import Handlers, ProgressHandler
from mcp_runtime.framework.errors import NotFoundError
from mcp_runtime.framework.server import FastMCP
from mcp_runtime.framework.serving import serve
from mcp_runtime.framework.types import InitializeResult
from mcp_runtime.ports.workers import Caller

__all__ = ("MemoryTransport",)

_VERSION = "2026-07-28"
_users: WeakKeyDictionary[FastMCP, int] = WeakKeyDictionary()
"""How many open clients each server has; its lifespan ends with the last."""


class MemoryTransport:
    """Calls the server's `serve`; what passes is written to JSON and read again, as it would be on a wire."""

    def __init__(self, server: FastMCP) -> None:
        self.server = server
        self._handlers = Handlers()
        self._ids = itertools.count(1)

    async def open(self, handlers: Handlers, client_info: dict[str, Any]) -> None:
        self._handlers = handlers
        _users[self.server] = _users.get(self.server, 0) + 1
        await self.server.start()

    async def introduce(self) -> InitializeResult:
        answer = await self.request("server/discover", {})
        return InitializeResult(
            protocol_version=_VERSION,
            capabilities=answer["capabilities"],
            server_info=answer["_meta"]["io.modelcontextprotocol/serverInfo"],
            instructions=answer.get("instructions"),
        )

    async def request(
        self, method: str, params: dict[str, Any], *, progress: ProgressHandler | None = None
    ) -> dict[str, Any]:
        handlers = self._handlers
        caller = Caller(
            request_id=str(next(self._ids)),
            subject="",
            client_id="",
            protocol_version=_VERSION,
            client_capabilities=handlers.capabilities,
            progress=progress is not None or handlers.progress is not None,
            log_level="debug" if handlers.log is not None else None,
        )
        exchange = _MemoryExchange(caller, handlers, progress)
        try:
            result = await serve(self.server, method, _through_json(params), exchange)
        finally:
            await exchange.delivered()
        answer: dict[str, Any] = _through_json(result)
        return answer

    def output_schema(self, name: str) -> dict[str, Any] | None:
        """A tool's output schema, known here without asking for it."""
        try:
            return self.server.get_tool(name).output_schema
        except NotFoundError:
            return None

    async def close(self) -> None:
        left = _users.get(self.server, 1) - 1
        if left > 0:
            _users[self.server] = left
        else:
            _users.pop(self.server, None)
            await self.server.stop()


class _MemoryExchange:
    """Delivers notifications to the client's handlers in order, beside the call that sends them."""

    def __init__(self, caller: Caller, handlers: Handlers, progress: ProgressHandler | None) -> None:
        self.caller = caller
        self.request_id = caller.request_id
        self._handlers = handlers
        self._progress = progress
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[tuple[str, dict[str, Any]] | None] = asyncio.Queue()
        self._deliverer: asyncio.Task[None] | None = None

    def log(self, level: str, logger: str | None, data: object) -> None:
        self._send("notifications/message", {"level": level, "logger": logger, "data": data})

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        self._send("notifications/progress", {"progress": progress, "total": total, "message": message})

    async def ask(self, method: str, params: dict[str, object]) -> dict[str, object]:
        answer: dict[str, object] = _through_json(await self._handlers.asked(method, _through_json(params)))
        return answer

    async def delivered(self) -> None:
        """Return when every notification sent so far has been handled."""
        if self._deliverer is not None:
            self._queue.put_nowait(None)
            await self._deliverer

    def _send(self, method: str, params: dict[str, Any]) -> None:
        self._on_loop(lambda: self._enqueue(method, params))

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
