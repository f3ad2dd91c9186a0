"""Calling an author's function: awaited when asynchronous, in a thread when not (FASTMCP T-15, T-16)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from mcp_runtime.framework.running import TookTooLong, in_thread

__all__ = ("invoke",)


async def invoke(
    call: Callable[[], Any], *, is_async: bool, threaded: bool = True, seconds: float | None = None
) -> Any:
    """The function's value. Raises TookTooLong after `seconds`.

    At the time limit a thread is interrupted but not waited for: the caller gets its answer in time.
    """
    value = await in_thread(call, seconds=seconds) if threaded and not is_async else call()
    if not inspect.isawaitable(value):
        return value
    if seconds is None:
        return await value
    import asyncio

    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await value
    except TimeoutError as error:
        if limit.expired():
            raise TookTooLong from error
        raise
