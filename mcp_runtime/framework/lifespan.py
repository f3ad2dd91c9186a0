"""A server's lifespan: entered before its first request, left when the server stops (FASTMCP S-11)."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

    from mcp_runtime.framework.server import FastMCP

__all__ = ("ComposableLifespan", "Lifespan", "LifespanFunction", "combine_lifespans", "lifespan")

LifespanFunction = Callable[["FastMCP"], AbstractAsyncContextManager[Any]]


class ComposableLifespan:
    """A lifespan that is joined with others by `|`: entered from left to right, left in reverse, values merged."""

    def __init__(self, *functions: Callable[[Any], Any]) -> None:
        self._functions = functions

    def __or__(self, other: Any) -> ComposableLifespan:
        if not callable(other):
            return NotImplemented
        return ComposableLifespan(self, other)

    def __ror__(self, other: Any) -> ComposableLifespan:
        return ComposableLifespan(other, self) if callable(other) else NotImplemented

    @asynccontextmanager
    async def __call__(self, server: Any) -> AsyncIterator[dict[str, Any]]:
        values: dict[str, Any] = {}
        async with AsyncExitStack() as stack:
            for function in self._functions:
                value = await stack.enter_async_context(_as_context_manager(function)(server))
                if value is None:
                    continue
                if not isinstance(value, Mapping):
                    raise TypeError(
                        f"A lifespan that is joined with others yields a dictionary, not {type(value).__name__}."
                    )
                values.update(value)
            yield values


def lifespan(function: Callable[[Any], Any]) -> ComposableLifespan:
    """Decorates a lifespan so that it may be joined: `FastMCP(lifespan=database | cache)`."""
    return ComposableLifespan(function)


def combine_lifespans(*functions: Callable[[Any], Any]) -> ComposableLifespan:
    """Join the lifespans of an application and of the server mounted in it."""
    return ComposableLifespan(*functions)


def _as_context_manager(function: Callable[[Any], Any]) -> Callable[[Any], AbstractAsyncContextManager[Any]]:
    return asynccontextmanager(function) if inspect.isasyncgenfunction(function) else function


class Lifespan:
    """Runs the author's context manager in one task of its own, so that it is left where it was entered."""

    def __init__(self, server: FastMCP, function: LifespanFunction) -> None:
        self.value: Any = {}
        self._server = server
        if not callable(function):
            raise TypeError(
                f"lifespan= takes a function of the server that is an asynchronous context manager, not "
                f"{type(function).__name__}."
            )
        self._function = _as_context_manager(function)
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
