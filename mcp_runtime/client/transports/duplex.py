"""Connections on which both sides speak when they like: pipes and HTTP+SSE (PROTOCOL 3.3, 3.4)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from typing import Any

from mcp_runtime.client.handlers import Handlers, ProgressHandler
from mcp_runtime.client.transports.eras import LATEST_LEGACY, MODERN, MODERN_ERRORS, Era, Legacy, Modern
from mcp_runtime.client.transports.wire import discovered, remote_error, replied, supported_versions
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.framework.types import InitializeResult
from mcp_runtime.protocol.errors import McpError

__all__ = ("Duplex",)

_log = logging.getLogger(__name__)
_PROBE_SECONDS = 10.0
"""How long a server may take over `server/discover` before it is taken for one of an older era (PROTOCOL V-14)."""


class Duplex:
    """What carries messages is the subclass's: it writes in `_write`, hands each message it reads to `_arrived`, and
    calls `_lost` when the other side is gone."""

    _mode: str

    def __init__(self) -> None:
        self._handlers = Handlers()
        self._client_info: dict[str, Any] = {}
        self._era: Era | None = None
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._progress: dict[int, ProgressHandler] = {}
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._handling_since: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def _write(self, message: dict[str, Any]) -> None:
        """Send one message. Raises ClientError where the other side is gone."""
        raise NotImplementedError

    async def introduce(self) -> InitializeResult:
        if self._mode not in ("auto", MODERN):
            return await self._initialize(LATEST_LEGACY if self._mode == "legacy" else self._mode)
        self._era = Modern(self._handlers, self._client_info)
        limit = None if self._mode == MODERN else _PROBE_SECONDS
        try:
            async with asyncio.timeout(limit):
                return discovered(await self.request("server/discover", {}))
        except McpError as error:
            if self._mode == MODERN:
                raise
            versions = supported_versions(error)
            if error.code in MODERN_ERRORS and (not versions or MODERN in versions):
                raise
            return await self._initialize(versions[0] if versions else LATEST_LEGACY)
        except TimeoutError:
            return await self._initialize(LATEST_LEGACY)

    async def request(
        self, method: str, params: dict[str, Any], *, progress: ProgressHandler | None = None
    ) -> dict[str, Any]:
        era = self._era
        if era is None:
            raise ClientError("The client is not connected: use it in `async with client:`, or call initialize().")
        identifier = next(self._ids)
        wants_progress = progress is not None or self._handlers.progress is not None
        params = era.params(params, token=identifier if wants_progress else None)
        answer = self._waiting[identifier] = asyncio.get_running_loop().create_future()
        if progress is not None:
            self._progress[identifier] = progress
        try:
            await self._write({"jsonrpc": "2.0", "id": identifier, "method": method, "params": params})
            return await answer
        except asyncio.CancelledError:
            if method != "initialize":
                with contextlib.suppress(ClientError):  # the caller is leaving, whether the server hears it or not
                    await self.notify("notifications/cancelled", {"requestId": identifier})
            raise
        finally:
            self._waiting.pop(identifier, None)
            self._progress.pop(identifier, None)

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if params:
            message["params"] = params
        await self._write(message)

    async def _initialize(self, version: str) -> InitializeResult:
        self._era = era = Legacy(self._handlers, self._client_info)
        result = InitializeResult(**await self.request("initialize", era.introduction(version)))
        era.version = result.protocol_version
        await self.notify("notifications/initialized", {})
        if self._handlers.log is not None and "logging" in result.capabilities:
            with contextlib.suppress(McpError):  # then it logs at the level it likes
                await self.request("logging/setLevel", {"level": self._handlers.log_level})
        return result

    # Messages that come in.

    def _listening(self) -> None:
        """Begin to deal with what arrives."""
        self._inbox = asyncio.Queue()
        self._start(self._deliver())

    async def _silent(self) -> None:
        """Stop it."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._era = None

    def _arrived(self, message: dict[str, Any]) -> None:
        """Everything is dealt with in the order it came, except the answers to what a handler itself asks: it waits
        for them, and what waits for it would wait for ever."""
        identifier = message.get("id")
        since = self._handling_since
        if "method" in message and "id" in message:
            self._start(self._reply(message))
        elif since is not None and "method" not in message and isinstance(identifier, int) and identifier >= since:
            self._settle(message)
        else:
            self._inbox.put_nowait(message)

    def _lost(self, why: str) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ClientError(why))

    async def _deliver(self) -> None:
        while True:
            message = await self._inbox.get()
            if "method" not in message:
                self._settle(message)
                continue
            params = message.get("params") or {}
            token = params.get("progressToken")
            progress = self._progress.get(token) if isinstance(token, int) else None
            self._handling_since = next(self._ids)
            try:
                await self._handlers.notified(str(message["method"]), params, progress)
            finally:
                self._handling_since = None

    def _settle(self, message: dict[str, Any]) -> None:
        """Give an answer to who waits for it; answers nobody waits for come late (PROTOCOL B-02)."""
        identifier = message.get("id")
        answer = self._waiting.get(identifier) if isinstance(identifier, int) else None
        if answer is None or answer.done():
            return
        error, result = message.get("error"), message.get("result")
        if isinstance(error, dict):
            answer.set_exception(remote_error(error))
        elif isinstance(result, dict):
            answer.set_result(result)
        else:
            answer.set_exception(ClientError("The server's answer has neither a result nor an error."))

    async def _reply(self, message: dict[str, Any]) -> None:
        if isinstance(self._era, Modern):
            return  # servers of the modern era put no requests (PROTOCOL D-02)
        with contextlib.suppress(ClientError):  # who asked is gone
            await self._write(await replied(message, self._handlers))

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("The connection failed", exc_info=error)
            self._lost(f"The connection failed: {error}")
