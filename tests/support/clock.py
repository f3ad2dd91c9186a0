"""Time that this machine really had.

A virtual machine can lose its processors to its neighbours for seconds at a time; the kernel counts what was stolen. A
promise like "answers within 2 s" is about our code, so deadlines of tests do not count time in which nothing ran.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

_STEAL = 8
"""The column of stolen time in /proc/stat, in ticks over all processors."""
_TICKS = os.sysconf("SC_CLK_TCK")


def machine_seconds() -> float:
    """A clock that stands still while the machine has no processor."""
    return time.monotonic() - _stolen_seconds()


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """The block takes no longer than this."""
    begun = machine_seconds()
    yield
    took = machine_seconds() - begun
    assert took <= seconds, f"It took {took:.1f} s, {took - seconds:.1f} s too long."


@contextlib.asynccontextmanager
async def awaited_within(seconds: float) -> AsyncIterator[None]:
    """The same for coroutines."""
    with within(seconds):
        yield


def _stolen_seconds() -> float:
    try:
        columns = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return 0.0
    return int(columns[_STEAL]) / _TICKS
