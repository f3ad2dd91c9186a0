"""A server's lifespan: entered before its first request, left when the server stops (FASTMCP S-11)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

    from mcp_runtime.framework.server import FastMCP

__all__ = ("Lifespan", "LifespanFunction")

LifespanFunction = Callable[["FastMCP"], AbstractAsyncContextManager[Any]]


class Lifespan:
    """Runs the author's context manager in one task of its own, so that it is left where it was entered."""

    def __init__(self, server: FastMCP, function: LifespanFunction) -> None:
        self.value: Any = {}
        self._server = server
        if inspect.isasyncgenfunction(function):
            function = asynccontextmanager(function)
        self._function = function
        self._ready: asyncio.Future[None] | None = None
        self._stop: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Enter it, once; whoever comes while it starts waits. Raises what entering it raised."""
        import asyncio

        loop = asyncio.get_running_loop()
        if self._ready is None or self._ready.get_loop() is not loop:
            self._ready = loop.create_future()
            self._stop = asyncio.Event()
            self._task = loop.create_task(self._run(self._ready, self._stop), name="framework-lifespan")
        try:
            await asyncio.shield(self._ready)
        except asyncio.CancelledError:
            raise
        except Exception:
            self._ready = None  # the next request tries again
            raise

    async def stop(self) -> None:
        """Leave it; nothing happens if it was never entered. A later start() enters it anew."""
        import asyncio

        task, stop = self._task, self._stop
        self._ready = self._stop = self._task = None
        if task is None or stop is None or task.get_loop() is not asyncio.get_running_loop():
            return
        stop.set()
        await task

    async def _run(self, ready: asyncio.Future[None], stop: asyncio.Event) -> None:
        try:
            async with self._function(self._server) as value:
                self.value = {} if value is None else value
                if not ready.done():
                    ready.set_result(None)
                await stop.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)
            ready.exception()  # whoever waits gets it; nobody may be waiting
        finally:
            self.value = {}
