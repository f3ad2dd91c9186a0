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
import queue
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio

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

    landing = _Landing(asyncio.get_running_loop())
    run = Run(call, landing.report)
    _pool.submit(run)
    try:
        if seconds is None:
            await landing.wait()
        else:
            await asyncio.wait_for(landing.wait(), seconds)
    except TimeoutError as error:
        run.interrupt()
        raise TookTooLong from error
    except asyncio.CancelledError:
        run.interrupt()
        await landing.wait()
        raise
    if run.error is not None:
        try:
            raise run.error
        finally:
            run.error = None  # the traceback holds this frame: break the circle
    return run.value  # type: ignore[no-any-return]  # what the call returned


class _Landing:
    """Where a task waits for its thread to be done; it can wait again after a cancellation."""

    __slots__ = ("_arrivals", "_landed", "_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        arrivals = _arrivals.get(loop)
        if arrivals is None:
            arrivals = _arrivals[loop] = _Arrivals()
        self._arrivals = arrivals
        self._landed = False
        self._waiting: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        if not self._landed:
            self._waiting = self._loop.create_future()
            await self._waiting

    def report(self, run: Run) -> None:
        """The thread is done. Called by it."""
        if not self._loop.is_closed():
            self._arrivals.add(self, self._loop)

    def land(self) -> None:
        """Let the task go on. Called in its event loop."""
        self._landed = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class _Arrivals:
    """What threads have to tell one event loop. Waking it costs more than a short call, so it is woken once for all
    that has come until it looks."""

    __slots__ = ("_called", "_come")

    def __init__(self) -> None:
        self._come: collections.deque[_Landing] = collections.deque()
        self._called = False

    def add(self, landing: _Landing, loop: asyncio.AbstractEventLoop) -> None:
        self._come.append(landing)
        if not self._called:  # two threads may see this at once: the loop is then woken twice, and looks in vain
            self._called = True
            loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        self._called = False  # before looking: what comes from now on calls again
        while self._come:
            self._come.popleft().land()


class _Pool:
    """Threads made on demand up to a bound, ended when idle; calls beyond the bound wait their turn.

    `SimpleQueue` wakes one thread, which wakes the next if there is more: a batch of short calls is over before many
    threads have woken up, and calls that block go side by side all the same.
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Run] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._unfinished = 0
        """Calls that wait for a thread or are in one."""

    def submit(self, run: Run) -> None:
        with self._lock:
            self._unfinished += 1
            grows = self._threads < min(self._unfinished, _MOST_THREADS)
            self._threads += grows
        if grows:
            try:
                threading.Thread(target=self._work, name="framework-call", daemon=True).start()
            except RuntimeError:  # the machine gives no more threads: the ones we have must do, if we have any
                with self._lock:
                    self._threads -= 1
                    if self._threads == 0:
                        self._unfinished -= 1
                        raise
        self._queue.put(run)

    def _work(self) -> None:
        while (run := self._next()) is not None:
            run.execute()
            with self._lock:
                self._unfinished -= 1

    def _next(self) -> Run | None:
        while True:
            try:
                return self._queue.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._unfinished < self._threads:
                        self._threads -= 1
                        return None
                    # As many calls as threads: one of them is on its way to this one.


def _raise_in_thread(thread_id: int | None, error: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread_id or 0), None if error is None else ctypes.py_object(error)
    )


_runs: set[Run] = set()
_pool = _Pool()
_arrivals: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Arrivals] = weakref.WeakKeyDictionary()
