"""A living box as its launcher sees it: kill, wait, stats, and tidying up after it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from mcp_runtime.sandbox.launchers.base import ExitReason, Stats
from mcp_runtime.sandbox.launchers.cgroups import Group
from mcp_runtime.sandbox.launchers.forker import Child

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICK: Final = os.sysconf("SC_CLK_TCK")


class BoxHandle:
    """Implements `Handle`. `released` is called once nothing of the box is left."""

    def __init__(
        self,
        child: Child,
        rpc: socket.socket | None,
        group: Group | None,
        *,
        released: Callable[[BoxHandle], None],
        alive: socket.socket | None = None,
        status_is_shells: bool = False,
        memory_limit: int | None = None,
    ) -> None:
        self.pid = child.pid
        self.rpc = rpc
        self._child = child
        self._group = group
        self._alive = alive
        self._status_is_shells = status_is_shells
        self._memory_limit = memory_limit
        self._held: socket.socket | None = None
        self._killed = False
        self._over_memory = False
        self._released = released
        self._last = Stats(0, 0.0, 0, 0)
        self._end = asyncio.get_running_loop().create_task(self._finish())

    async def kill(self) -> None:
        self._kill()
        await self.wait()

    async def wait(self) -> ExitReason:
        return await asyncio.shield(self._end)

    def stats(self) -> Stats:
        """What the box uses now; after its end, what it used last."""
        if self._child.exited.done():
            return self._last
        if self._group is not None:
            use = self._group.use()
            self._last = Stats(use.memory_bytes, use.cpu_seconds, use.oom_kills, use.processes)
        else:
            now = usage(self.pid)
            # What processes used that have gone since the last look is not in /proc any more; it was used all the same.
            spent = max(now.cpu_seconds, self._last.cpu_seconds)
            self._last = Stats(now.rss_bytes, spent, now.oom_kills, now.processes)
        return self._last

    def enforce_memory(self) -> None:
        """End the box when it holds more than it may: for hosts without a memory cgroup."""
        if self._memory_limit is not None and self.stats().rss_bytes > self._memory_limit:
            self._over_memory = not self._child.exited.done()
            self._kill()

    def hold(self, sock: socket.socket) -> None:
        """Keep `sock` open as long as the box lives."""
        self._held = sock

    def _kill(self) -> None:
        if self._end.done():
            return
        self._killed = True
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self._child.pidfd, signal.SIGKILL)
        if self._group is not None:
            self._group.kill()

    async def _finish(self) -> ExitReason:
        status = await asyncio.shield(self._child.exited)
        reason = self._reason(status)
        if self._group is not None:
            use = self._group.use()
            self._last = Stats(use.memory_bytes, use.cpu_seconds, use.oom_kills, use.processes)
        await self._everything_gone()
        os.close(self._child.pidfd)
        if self._held is not None:
            self._held.close()
        self._released(self)
        return reason

    async def _everything_gone(self) -> None:
        """A wrapper's box may outlive the wrapper for a moment, and a killed process its group."""
        if self._alive is not None:
            with contextlib.suppress(OSError):
                await asyncio.get_running_loop().sock_recv(self._alive, 1)
            self._alive.close()
        pause = 0.001
        while self._group is not None and not self._group.remove():
            self._group.kill()
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.1)

    def _reason(self, status: int) -> ExitReason:
        code = os.waitstatus_to_exitcode(status)
        if self._status_is_shells and 128 < code < 128 + signal.NSIG:
            code = 128 - code
        if code >= 0 and not self._killed:
            return ExitReason("exit", code)
        number = -code if code < 0 else signal.SIGKILL
        if self._over_memory or (number == signal.SIGKILL and self._out_of_memory()):
            return ExitReason("oom", number)
        if self._killed:
            return ExitReason("killed", number)
        return ExitReason("seccomp" if number == signal.SIGSYS else "signal", number)

    def _out_of_memory(self) -> bool:
        return self._group is not None and self._group.use().oom_kills > 0


def usage(pid: int) -> Stats:
    """What /proc says of a process and its descendants."""
    family = list(_family(pid))
    return Stats(sum(_resident(one) for one in family), sum(_cpu(one) for one in family), 0, len(family))


def _family(pid: int) -> Iterator[int]:
    """`pid` and all its descendants that can be seen."""
    yield pid
    with contextlib.suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                yield from _family(int(child))


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return 0


def _cpu(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK
    return 0.0
