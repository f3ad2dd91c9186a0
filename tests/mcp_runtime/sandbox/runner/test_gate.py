"""Admission of calls to one worker."""

from __future__ import annotations

import asyncio

import pytest

from mcp_runtime.ports.sandboxes import CallTimedOut, Overloaded
from mcp_runtime.sandbox.gate import Gate


async def test_calls_within_the_limit_do_not_wait() -> None:
    gate = Gate(in_flight=2, queued=0)

    waited = [await gate.enter(1.0), await gate.enter(1.0)]

    assert waited == [0.0, 0.0]


async def test_a_call_over_both_limits_is_refused_at_once() -> None:
    gate = Gate(in_flight=1, queued=0)
    await gate.enter(1.0)

    with pytest.raises(Overloaded) as refused:
        await gate.enter(1.0)

    assert refused.value.retry_after is not None


async def test_waiting_calls_enter_in_the_order_they_came() -> None:
    gate = Gate(in_flight=1, queued=3)
    entered: list[int] = []
    await gate.enter(1.0)

    async def call(number: int) -> None:
        await gate.enter(5.0)
        entered.append(number)
        gate.leave()

    calls = [asyncio.create_task(call(number)) for number in range(3)]
    await asyncio.sleep(0)
    gate.leave()
    await asyncio.gather(*calls)

    assert entered == [0, 1, 2]
    assert gate.empty


async def test_a_call_that_waits_too_long_times_out_and_leaves_the_queue() -> None:
    gate = Gate(in_flight=1, queued=1)
    await gate.enter(1.0)

    with pytest.raises(CallTimedOut):
        await gate.enter(0.01)

    gate.leave()
    assert gate.empty


async def test_a_caller_who_gives_up_loses_no_place() -> None:
    gate = Gate(in_flight=1, queued=1)
    await gate.enter(1.0)
    waiting = asyncio.create_task(gate.enter(5.0))
    await asyncio.sleep(0)

    gate.leave()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    assert gate.empty
