"""Code that does not end, and output that does not end (SANDBOX 2.5, 4)."""

from __future__ import annotations

import asyncio

import pytest

from mcp_runtime.ports.sandboxes import CallTimedOut
from mcp_runtime.ports.workers import WorkerLimits
from mcp_runtime.sandbox.client import RunnerClient
from tests.faults.laboratory import Laboratory, call
from tests.support import within

SHORT = WorkerLimits(call_seconds=3.0, load_seconds=60.0)
ANSWER_SECONDS = 2.0
"""The platform and the neighbours answer within this, whatever a tenant does."""


@pytest.mark.parametrize("kind", ["python", "sleep", "power", "regex", "lock"])
async def test_a_tool_that_never_ends_is_ended(lab: Laboratory, client: RunnerClient, kind: str) -> None:
    worker = lab.server("processes", limits=SHORT, instance=f"loop{kind}")
    await call(client, worker, "answer")

    with pytest.raises(CallTimedOut), within(SHORT.call_seconds + ANSWER_SECONDS):
        await call(client, worker, "loop", kind=kind)

    assert await call(client, worker, "answer") == "here"


async def test_a_tool_that_blocks_its_own_event_loop_is_ended(lab: Laboratory, client: RunnerClient) -> None:
    worker = lab.server("processes", limits=SHORT, instance="eventloop")

    with pytest.raises(CallTimedOut):
        await call(client, worker, "block_the_loop")

    assert await call(client, worker, "answer") == "here"


async def test_a_neighbour_answers_while_another_computes_for_ever(lab: Laboratory, client: RunnerClient) -> None:
    neighbour = lab.server("processes", instance="neighbour")
    await call(client, neighbour, "answer")
    busy = [
        asyncio.create_task(
            call(client, lab.server("processes", limits=SHORT, instance=f"busy{n}"), "loop", kind="python")
        )
        for n in range(4)
    ]

    for _ in range(10):
        with within(ANSWER_SECONDS):
            assert await call(client, neighbour, "answer") == "here"

    outcomes = await asyncio.gather(*busy, return_exceptions=True)
    assert all(isinstance(outcome, CallTimedOut) for outcome in outcomes), outcomes


async def test_a_gigabyte_of_output_is_dropped_and_nobody_notices(lab: Laboratory, client: RunnerClient) -> None:
    neighbour = lab.server("processes", instance="neighbour")
    await call(client, neighbour, "answer")
    noisy = asyncio.create_task(call(client, lab.server("processes", instance="noise"), "noise", megabytes=1024))

    while not noisy.done():
        with within(ANSWER_SECONDS):
            assert await call(client, neighbour, "answer") == "here"

    await asyncio.gather(noisy, return_exceptions=True)
    assert lab.log.stat().st_size < 50 * 1024 * 1024
