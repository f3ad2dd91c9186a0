"""Wait for a fact, never for a time. Time stolen from the machine does not count."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tests.support.clock import machine_seconds

T = TypeVar("T")

PAUSE = 0.01
PATIENCE = 30.0
"""In seconds. Where something is promised within a time, the test names it."""


def wait_until(predicate: Callable[[], T | None], seconds: float = PATIENCE) -> T:
    """Ask until the answer is true, and return it; fail after `seconds`."""
    deadline = machine_seconds() + seconds
    while not (answer := predicate()):
        if machine_seconds() > deadline:
            raise AssertionError(f"{_describe(predicate)} did not become true within {seconds:g} s.")
        time.sleep(PAUSE)
    return answer


async def wait_until_async(predicate: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """The same without holding up the event loop. The predicate may be a coroutine function."""
    deadline = machine_seconds() + seconds
    while True:
        answer = predicate()
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer:
            return answer
        if machine_seconds() > deadline:
            raise AssertionError(f"{_describe(predicate)} did not become true within {seconds:g} s.")
        await asyncio.sleep(PAUSE)


def _describe(predicate: Callable[[], object]) -> str:
    return getattr(predicate, "__qualname__", repr(predicate))
