"""Synchronous functions run in threads that can be interrupted (FASTMCP T-16; SANDBOX 4, cancellation).

`await in_thread(call)` runs `call()` in a pooled thread under a copy of the current context. Cancelling the awaiting
task raises `Interrupted` inside the thread at its next bytecode, **waits until the thread has left the call**, and
only then lets the cancellation through: when a cancelled task is done, no code of that call runs any more. A thread
stuck in C code keeps the task waiting; whoever cancels decides how long to be patient (a runner recycles the worker).
A second cancellation gives up the waiting and leaves the thread behind.

`running()` lists the calls that are in threads now, for a supervisor that wants to look or to interrupt by itself.
"""

from __future__ import annotations

import collections
import contextvars
import ctypes
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ("Interrupted", "Run", "TookTooLong", "in_thread", "running")

T = TypeVar("T")

_MOST_THREADS = 64
_IDLE_SECONDS = 20.0


class Interrupted(BaseException):
    """Raised inside a thread whose call was cancelled. Not an Exception, so that `except Exception` lets it pass."""


class TookTooLong(Exception):
    """The time given to a call is over. Not a TimeoutError: the call itself may raise one."""


class Run:
    """One call in a thread."""

    def __init__(self, call: Callable[[], Any], report: Callable[[Run], None]) -> None:
        self.thread_id: int | None = None
        self.value: Any = None
        self.error: BaseException | None = None
        self._context = contextvars.copy_context()
        self._call = call
        self._report = report
        self._lock = threading.Lock()
        self._inside = False
        self._interrupted = False

    def interrupt(self) -> bool:
        """Raise Interrupted in the thread, once. False when the call has not begun or is over."""
        with self._lock:
            if self._interrupted:
                return self._inside
            self._interrupted = True
            if not self._inside:
                return False
            _raise_in_thread(self.thread_id, Interrupted)
            return True

    def execute(self) -> None:
        """Run the call in the current thread. Whatever happens, `report` is called, once."""
        try:
            if not self._enter():
                self.error = Interrupted()
            else:
                try:
                    self.value = self._context.run(self._call)
                except BaseException as error:  # noqa: BLE001 - carried to the awaiting task, which judges it
                    self.error = error
                self._leave()
        except Interrupted as error:  # arrived between the end of the call and _leave()
            self._leave()
            self.error = error
        self._report(self)

    def _enter(self) -> bool:
        with self._lock:
            if self._interrupted:
                return False
            self.thread_id = threading.get_ident()
            self._inside = True
            _runs.add(self)
            return True

    def _leave(self) -> None:
        """After this, no interruption can reach the thread; one that was on its way is withdrawn."""
        with self._lock:
            self._inside = False
            _runs.discard(self)
            if self._interrupted:
                _raise_in_thread(self.thread_id, None)


def running() -> list[Run]:
    """The calls that are in threads at this moment."""
    return list(_runs)


async def in_thread(call: Callable[[], T], *, seconds: float | None = None) -> T:
    """Await `call()` run in a thread; see the module's text for cancellation.

    Raises TookTooLong after `seconds`, with the thread interrupted but not waited for.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish() -> None:
        if not done.done():
            done.set_result(None)

    def report(_: Run) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish)

    run = Run(call, report)
    _pool.submit(run)
    try:
        if seconds is None:
            await asyncio.shield(done)
        else:
            await asyncio.wait_for(asyncio.shield(done), seconds)
    except TimeoutError as error:
        run.interrupt()
        raise TookTooLong from error
    except asyncio.CancelledError:
        run.interrupt()
        await asyncio.shield(done)
        raise
    if run.error is not None:
        try:
            raise run.error
        finally:
            run.error = None  # the traceback holds this frame: break the circle
    return run.value  # type: ignore[no-any-return]  # what the call returned


class _Pool:
    """Threads made on demand up to a bound, ended when idle; calls beyond the bound wait their turn."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queue: collections.deque[Run] = collections.deque()
        self._threads = 0
        self._waiting = 0

    def submit(self, run: Run) -> None:
        with self._changed:
            self._queue.append(run)
            if self._waiting >= len(self._queue):
                self._changed.notify()
                return
            if self._threads >= _MOST_THREADS:
                return
            self._threads += 1
        try:
            threading.Thread(target=self._work, name="framework-call", daemon=True).start()
        except RuntimeError:  # the machine gives no more threads: the ones we have must do, if we have any
            with self._changed:
                self._threads -= 1
                if self._threads == 0 and run in self._queue:
                    self._queue.remove(run)
                    raise

    def _work(self) -> None:
        while (run := self._next()) is not None:
            run.execute()

    def _next(self) -> Run | None:
        with self._changed:
            while not self._queue:
                self._waiting += 1
                notified = self._changed.wait(_IDLE_SECONDS)
                self._waiting -= 1
                if not notified and not self._queue:
                    self._threads -= 1
                    return None
            return self._queue.popleft()


def _raise_in_thread(thread_id: int | None, error: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread_id or 0), None if error is None else ctypes.py_object(error)
    )


_runs: set[Run] = set()
_pool = _Pool()
