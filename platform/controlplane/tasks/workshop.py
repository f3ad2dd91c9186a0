"""The thread in which a worker's engine lives, beside Celery's own."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from controlplane.tasks.engine import Engine

STOP_SECONDS = 10.0

log = logging.getLogger(__name__)

Opened = Callable[[], AbstractAsyncContextManager[Engine]]
"""Makes the engine and its ways to servers; the engine runs inside the block."""


class Workshop:
    """Started once per worker that takes tasks; `stop` gives back what runs."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._engine: Engine | None = None
        self._thread = threading.Thread(target=self._work, name="tasks: engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Idempotent."""
        if self._ready.wait(STOP_SECONDS) and self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(STOP_SECONDS)

    def offer(self, tenant_id: str, task_id: str) -> None:
        """From any thread. While the engine starts nothing is taken: its first sweep finds what there is."""
        if self._loop is not None and self._engine is not None:
            self._loop.call_soon_threadsafe(self._engine.offer, tenant_id, task_id)

    def _work(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception:
            log.exception("The engine of tasks has stopped; tasks go on in another worker.")
        finally:
            self._loop = None
            self._ready.set()

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        async with self._opened() as engine:
            engine.start()
            self._engine, self._loop = engine, asyncio.get_running_loop()
            self._ready.set()
            try:
                await self._stopping.wait()
            finally:
                self._engine = None
                await engine.aclose()


class _Running:
    """The one of this process."""

    workshop: Workshop | None = None


def open_workshop(opened: Opened) -> None:
    """Begin to run tasks in this process. Said by the composition root, in workers that take them."""
    if _Running.workshop is None:
        _Running.workshop = Workshop(opened)
        _Running.workshop.start()


def close_workshop() -> None:
    workshop, _Running.workshop = _Running.workshop, None
    if workshop is not None:
        workshop.stop()


def offer(tenant_id: str, task_id: str) -> None:
    """Where no engine runs in this process, a sweep of another one finds the task."""
    if _Running.workshop is not None:
        _Running.workshop.offer(tenant_id, task_id)
