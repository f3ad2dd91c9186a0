"""A client's connection: opened by the first who enters, shared, closed by the last; requests with time limits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

from mcp_runtime.client.handlers import Handlers, ProgressHandler
from mcp_runtime.client.transports.base import Transport
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.framework.settings import settings
from mcp_runtime.framework.types import Implementation, InitializeResult
from mcp_runtime.protocol.errors import McpError

__all__ = ("Connection", "Seconds", "as_seconds")

_CLOSING_SECONDS = 5.0
_MOST_PAGES = 250
_TIMED_OUT = 408
"""The code the SDKs give a request that timed out at the client."""

Seconds = float | timedelta | None
T = TypeVar("T")


class Connection:
    """What `Client` stands on."""

    def __init__(
        self,
        transport: Transport,
        handlers: Handlers,
        client_info: dict[str, Any],
        *,
        timeout: Seconds = None,
        init_timeout: Seconds = None,
        auto_initialize: bool = True,
        rounds: int = 10,
    ) -> None:
        self._transport = transport
        self._handlers = handlers
        self._client_info = client_info
        self._timeout = as_seconds(timeout)
        self._init_timeout = settings.client_init_timeout if init_timeout is None else as_seconds(init_timeout)
        self._auto_initialize = auto_initialize
        self._rounds = rounds
        self._users = 0
        self._turn = asyncio.Lock()
        self._result: InitializeResult | None = None
        self._work: set[asyncio.Task[Any]] = set()

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
            if self._users == 0:
                return  # closed meanwhile
            self._users -= 1
            if self._users == 0:
                await self._disconnect()

    async def close(self) -> None:
        """Close the connection, whoever else uses it, and end a child process that would be kept."""
        async with self._turn:
            if self._users:
                self._users = 0
                await self._disconnect()
            end = getattr(self._transport, "disconnect", None)
            if end is not None:
                await end()

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

    @property
    def server_info(self) -> Implementation:
        return self.initialize_result.server_info

    @property
    def server_capabilities(self) -> dict[str, Any]:
        return self.initialize_result.capabilities

    @property
    def instructions(self) -> str | None:
        return self.initialize_result.instructions

    @property
    def protocol_version(self) -> str:
        """The revision that client and server agreed on."""
        return self.initialize_result.protocol_version

    async def initialize(self, timeout: Seconds = None) -> InitializeResult:  # noqa: ASYNC109 - the document's name
        """Agree on a version and learn who the server is, once. Raises RuntimeError if that takes too long."""
        if self._result is None:
            limit = as_seconds(timeout) or self._init_timeout
            timer = asyncio.timeout(limit)
            try:
                async with timer:
                    self._result = await self._transport.introduce()
            except TimeoutError as error:
                if not timer.expired():
                    raise
                raise RuntimeError("Failed to initialize server session") from error
        return self._result

    async def _request(
        self,
        method: str,
        params: dict[str, Any],
        *,
        timeout: Seconds = None,  # noqa: ASYNC109 - handed on from the caller
        progress: ProgressHandler | None = None,
    ) -> dict[str, Any]:
        """The result of a request, the server's questions on the way answered. Raises McpError."""
        if not self._users:
            raise RuntimeError("Client is not connected. Use it inside `async with client:`.")
        limit = as_seconds(timeout) or self._timeout
        if limit is None:
            return await self._answered(method, params, progress)
        task = asyncio.ensure_future(self._answered(method, params, progress))
        try:
            done, _ = await asyncio.wait({task}, timeout=limit)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()  # not awaited: the answer is late already
            task.add_done_callback(_forget)
            raise McpError(f"Timed out while waiting for {method}: no answer in {limit:g} s.", code=_TIMED_OUT)
        return task.result()

    async def _answered(self, method: str, params: dict[str, Any], progress: ProgressHandler | None) -> dict[str, Any]:
        """Ask again with answers as long as the server has questions (PROTOCOL MR-03, MR-08, R-02)."""
        result = await self._transport.request(method, params, progress=progress)
        kind = result.pop("resultType", "complete")
        for _ in range(self._rounds):
            if kind != "input_required":
                return result
            answers: dict[str, Any] = {}
            if result.get("inputRequests"):
                answers["inputResponses"] = {
                    key: await self._handlers.asked(str(question.get("method")), question.get("params") or {})
                    for key, question in result["inputRequests"].items()
                }
            if "requestState" in result:
                answers["requestState"] = result["requestState"]
            result = await self._transport.request(method, {**params, **answers}, progress=progress)
            kind = result.pop("resultType", "complete")
        if kind != "input_required":
            return result
        raise ClientError(f"The server asked {self._rounds} times before answering {method}; the client gave up.")

    async def _list(self, method: str, member: str, max_pages: int = _MOST_PAGES) -> list[dict[str, Any]]:
        """All pages of a list. Raises ClientError when it has no end."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        seen: set[str] = set()
        for _ in range(max_pages):
            answer = await self._request(method, {} if cursor is None else {"cursor": cursor})
            found += answer.get(member) or []
            cursor = answer.get("nextCursor")
            if cursor is None:
                return found
            if cursor in seen:
                raise ClientError(f"The server's list does not end: it gave the cursor {cursor!r} twice.")
            seen.add(cursor)
        raise ClientError(f"The server's list did not end after {max_pages} pages.")

    async def _connect(self) -> None:
        await self._transport.open(self._handlers, self._client_info)
        if self._auto_initialize:
            try:
                await self.initialize()
            except BaseException:
                await self._disconnect()
                raise

    def _beside(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Do something beside what the program does, for as long as the client is connected."""
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        task.add_done_callback(_forget)
        return task

    async def _disconnect(self) -> None:
        self._result = None
        for task in tuple(self._work):
            task.cancel()
        try:
            async with asyncio.timeout(_CLOSING_SECONDS):
                await self._transport.close()
        except TimeoutError:
            pass  # the server does not say goodbye; we leave


def as_seconds(value: Seconds) -> float | None:
    return value.total_seconds() if isinstance(value, timedelta) else value


def _forget(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()
