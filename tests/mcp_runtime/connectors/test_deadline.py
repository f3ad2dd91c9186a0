"""A call's time, in which the client's time to think does not count."""

from __future__ import annotations

import asyncio

import pytest

from mcp_runtime.connectors.deadline import Deadline


async def test_what_takes_longer_is_ended() -> None:
    deadline = Deadline(0.01)

    with pytest.raises(TimeoutError):
        async with deadline:
            await asyncio.Event().wait()

    assert deadline.expired()


async def test_it_stands_still_until_the_last_of_several_has_thought() -> None:
    async with Deadline(60) as deadline:
        with deadline.paused():
            with deadline.paused():
                during = deadline.remaining()
            between = deadline.remaining()
        after = deadline.remaining()

    assert during is between is None
    assert after is not None
    assert 0 < after <= 60


async def test_what_was_left_is_left_afterwards() -> None:
    async def thinks_and_hangs() -> None:
        async with Deadline(0.01) as deadline:
            with deadline.paused():
                await asyncio.to_thread(lambda: None)
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await thinks_and_hangs()


async def test_thinking_may_begin_and_end_when_the_call_is_over() -> None:
    async with Deadline(60) as deadline:
        pass

    with deadline.paused():
        assert not deadline.expired()


async def test_thinking_may_begin_and_end_when_the_time_has_passed() -> None:
    async def hangs_and_thinks() -> None:
        async with Deadline(0.01) as deadline:
            try:
                await asyncio.Event().wait()
            finally:
                with deadline.paused():
                    pass

    with pytest.raises(TimeoutError):
        await hangs_and_thinks()
