"""Every byte from a worker is hostile (SANDBOX 4)."""

from __future__ import annotations

import asyncio

import pytest

from mcp_runtime.ports.sandboxes import SandboxError
from mcp_runtime.ports.workers import WorkerLimits
from mcp_runtime.sandbox.client import RunnerClient
from tests.faults.laboratory import SERVERS, Laboratory, call
from tests.support import within

KINDS = [
    "empty",
    "oversized",
    "garbage",
    "not json",
    "not an array",
    "deep",
    "wrong direction",
    "unknown kind",
    "foreign call",
    "negative id",
    "huge id",
    "ready twice",
    "callback",
    "partial",
]
LIMITS = WorkerLimits(call_seconds=5.0, load_seconds=60.0)


def test_every_hostile_frame_has_its_case() -> None:
    source = (SERVERS / "frames.py").read_text()

    assert all(f'    "{kind}": ' in source for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_hostile_frame_costs_its_sender_alone(lab: Laboratory, client: RunnerClient, kind: str) -> None:
    neighbour = lab.server("frames", instance="neighbour")
    await call(client, neighbour, "answer")
    worker = lab.server("frames", limits=LIMITS, instance=kind.replace(" ", ""))

    with pytest.raises(SandboxError):
        await call(client, worker, "send", kind=kind)

    with within(2):
        assert await call(client, neighbour, "answer") == "here"
    assert await call(client, worker, "answer") == "here"


@pytest.mark.parametrize("kind", ["log", "result", "pong"])
async def test_a_flood_of_frames_slows_nobody_else(lab: Laboratory, client: RunnerClient, kind: str) -> None:
    neighbour = lab.server("frames", instance="neighbour")
    await call(client, neighbour, "answer")
    worker = lab.server("frames", limits=WorkerLimits(call_seconds=8.0, load_seconds=60.0), instance=f"flood{kind}")
    flood = asyncio.create_task(call(client, worker, "flood", kind=kind, count=2000))

    while not flood.done():
        with within(2):
            assert await call(client, neighbour, "answer") == "here"

    await asyncio.gather(flood, return_exceptions=True)
    assert await call(client, neighbour, "answer") == "here"


async def test_a_result_over_the_limit_is_refused_and_the_worker_serves_on(
    lab: Laboratory, client: RunnerClient
) -> None:
    worker = lab.server("frames", instance="large")

    with pytest.raises((SandboxError, AssertionError), match=r"at most 32 MB"):
        await call(client, worker, "large", megabytes=50)

    assert await call(client, worker, "answer") == "here"
