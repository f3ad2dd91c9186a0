"""A client and a server on a pipe inside one process: the messages and the code of stdio, without a child process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from mcp_runtime.client.handlers import Handlers
from mcp_runtime.client.transports.duplex import Duplex

Write = Callable[[bytes], Awaitable[None]]
Serve = Callable[[AsyncIterator[bytes | None], Write], Awaitable[None]]


class PipeTransport(Duplex):
    def __init__(self, serve: Serve, mode: str) -> None:
        super().__init__()
        self._mode = mode
        self._serve = serve
        self._said: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._server: asyncio.Task[None] | None = None

    async def open(self, handlers: Handlers, client_info: dict[str, Any]) -> None:
        self._handlers, self._client_info = handlers, client_info
        self._listening()
        self._server = asyncio.create_task(self._serving())

    async def close(self) -> None:
        self._said.put_nowait(None)
        assert self._server is not None
        await self._server
        await self._silent()

    async def _serving(self) -> None:
        await self._serve(self._lines(), self._heard)

    async def _lines(self) -> AsyncIterator[bytes | None]:
        while (line := await self._said.get()) is not None:
            yield line

    async def _heard(self, message: bytes) -> None:
        self._arrived(json.loads(message))

    async def _write(self, message: dict[str, Any]) -> None:
        self._said.put_nowait(json.dumps(message).encode())
