"""Hearing what a server says beside its answers: the standalone stream of the older eras, `subscriptions/listen` of the
modern one (PROTOCOL G-04, 2.8)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from mcp_runtime.client.transports.answers import Position, is_stream
from mcp_runtime.framework.errors import ClientError

if TYPE_CHECKING:
    import httpx2

__all__ = ("Listener", "listened_to")

Open = Callable[[Position], AbstractAsyncContextManager["httpx2.Response"]]
Read = Callable[["httpx2.Response", Position], Awaitable[Any]]

_OPENING_SECONDS = 0.5
"""How long to wait for the stream before going on; a server may let it wait for its first event."""


def listened_to(capabilities: dict[str, Any]) -> dict[str, bool]:
    """What to ask a modern server to tell: the changes it says that it tells."""
    kinds = {"tools": "toolsListChanged", "prompts": "promptsListChanged", "resources": "resourcesListChanged"}
    return {kinds[name]: True for name in kinds if (capabilities.get(name) or {}).get("listChanged")}


class Listener:
    """One stream, opened again when it ends, until it is stopped or refused."""

    def __init__(self, open_stream: Open, read: Read) -> None:
        self._open_stream = open_stream
        self._read = read
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when the stream is open, or does not open soon."""
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.get_running_loop().create_task(self._run(opened), name="mcp-client-listener")
        await asyncio.wait((opened, self._task), timeout=_OPENING_SECONDS, return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _run(self, opened: asyncio.Future[None]) -> None:
        position = Position()
        while True:
            try:
                async with self._open_stream(position) as answer:
                    if not opened.done():
                        opened.set_result(None)
                    if 400 <= answer.status_code < 500 or not is_stream(answer):
                        return  # it does not let us listen
                    await self._read(answer, position)
            except ClientError:
                pass  # the connection broke: try again, as after an ordinary end
            await asyncio.sleep(position.retry)
