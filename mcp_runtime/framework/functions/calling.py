"""Calling an author's function: awaited when asynchronous, in a thread when not (FASTMCP T-15, T-16, C-01)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.running import TookTooLong, in_thread

if TYPE_CHECKING:
    from mcp_runtime.framework.context import Context
    from mcp_runtime.framework.functions.signature import Signature

__all__ = ("call_function", "invoke")


async def call_function(
    signature: Signature,
    values: dict[str, Any],
    context: Context | None,
    *,
    threaded: bool = True,
    seconds: float | None = None,
) -> Any:
    """The function's value for these arguments, what it asks for injected; the items of a generator as a list.

    Raises TookTooLong after `seconds`.
    """
    if signature.dependencies:
        return await _with_dependencies(signature, values, context, threaded=threaded, seconds=seconds)
    call = _bound(signature, values, context)
    return await invoke(call, is_async=signature.is_async, threaded=threaded, seconds=seconds)


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

    return await _limited(asyncio.timeout(seconds), value)


def _bound(signature: Signature, values: dict[str, Any], context: Context | None) -> Callable[[], Any]:
    call = signature.bind(values, context)
    if signature.yields_async:

        async def collected() -> list[Any]:
            return [item async for item in call()]

        return collected
    return (lambda: list(call())) if signature.yields else call


async def _with_dependencies(
    signature: Signature, values: dict[str, Any], context: Context | None, *, threaded: bool, seconds: float | None
) -> Any:
    import asyncio
    from contextlib import AsyncExitStack

    from mcp_runtime.framework.functions.injection import Scope

    loop = asyncio.get_running_loop()
    until = None if seconds is None else loop.time() + seconds
    value: Any = None
    failure: Exception | None = None
    async with AsyncExitStack() as stack:
        try:
            scope = Scope(stack, context, values)
            filling = scope.fill(signature.dependencies)
            await (filling if until is None else _limited(asyncio.timeout_at(until), filling))
            value = await invoke(
                _bound(signature, scope.arguments, context),
                is_async=signature.is_async,
                threaded=threaded,
                seconds=None if until is None else max(until - loop.time(), 0.001),
            )
        except Exception as error:
            failure = error
            raise
    if failure is not None:  # a context manager among the dependencies swallowed it: the call failed all the same
        raise failure
    return value


async def _limited(limit: Any, value: Any) -> Any:
    try:
        async with limit:
            return await value
    except TimeoutError as error:
        if limit.expired():
            raise TookTooLong from error
        raise
