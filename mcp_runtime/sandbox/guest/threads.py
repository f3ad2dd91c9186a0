"""The event loop's own thread pool: what an asynchronous tool gives to `asyncio.to_thread` ends with its call.

Synchronous tools are run, and interrupted, by `framework.running`; this does the same for the threads that
tenants ask for themselves (SANDBOX 4, cancellation).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from typing import Any, ParamSpec, TypeVar

from mcp_runtime.framework.running import Run

P = ParamSpec("P")
T = TypeVar("T")


class CallThreads:
    """The pool's work for one call."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending: dict[Future[Any], Run] = {}

    def add(self, future: Future[Any], run: Run) -> None:
        self._pending[future] = run
        future.add_done_callback(self._forget)

    def _forget(self, future: Future[Any]) -> None:
        self._pending.pop(future, None)

    async def interrupt(self) -> None:
        """Raise Interrupted in every thread of the call and return when the last one has left."""
        loop = asyncio.get_running_loop()
        for future, run in list(self._pending.items()):
            if future.cancel():
                continue
            left = asyncio.Event()
            run.interrupt()
            future.add_done_callback(lambda _, left=left: loop.call_soon_threadsafe(left.set))  # type: ignore[misc]
            await left.wait()


current: ContextVar[CallThreads | None] = ContextVar("stoa_call_threads", default=None)
"""The threads of the call that this task works for."""


class ThreadPool(ThreadPoolExecutor):
    """A bounded executor. What a call's task submits belongs to that call."""

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        threads = current.get()
        if threads is None:
            return super().submit(function, *args, **kwargs)
        run = Run(partial(function, *args, **kwargs), _reported)
        future: Future[T] = super().submit(_value, run)
        threads.add(future, run)
        return future


def _value(run: Run) -> Any:
    run.execute()
    if run.error is not None:
        raise run.error
    return run.value


def _reported(run: Run) -> None:
    """The future says it."""
