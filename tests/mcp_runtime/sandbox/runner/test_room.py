"""Room on the host: caps of workers, and who makes way for whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from mcp_runtime.ports.sandboxes import Overloaded, RunnerUnavailable
from mcp_runtime.ports.workers import Worker
from mcp_runtime.sandbox.client import RunnerClient
from tests.faults.laboratory import Laboratory, call, laboratory
from tests.mcp_runtime.sandbox.runner.conftest import LIMITS, SERVER, another_runner
from tests.support import wait_until_async


@pytest.fixture
async def crowded() -> AsyncIterator[tuple[Laboratory, RunnerClient]]:
    """A runner with room for two workers of a tenant."""
    with laboratory("process") as lab:
        await asyncio.to_thread(lab.stop)
        with another_runner(lab, "--tenant-workers", "2"):
            async with lab.client() as client:
                await wait_until_async(lambda: _is_there(client), 30)
                yield lab, client


def worker(lab: Laboratory, name: str) -> Worker:
    return lab.worker({"server.py": SERVER}, limits=LIMITS, name=name)


async def test_the_worker_that_was_wanted_longest_ago_makes_room(crowded: tuple[Laboratory, RunnerClient]) -> None:
    lab, client = crowded
    for name in ("one", "two", "three"):
        assert await call(client, worker(lab, name), "add", a=1, b=1) == 2

    servers = {entry["server"] for entry in (await client.status())["workers"] if entry["state"] == "ready"}

    assert servers == {"srv_TWO", "srv_THREE"}


async def test_nobody_is_thrown_out_of_a_call_to_make_room(crowded: tuple[Laboratory, RunnerClient]) -> None:
    lab, client = crowded
    running = asyncio.create_task(call(client, worker(lab, "one"), "sleep", seconds=1.0))
    await call(client, worker(lab, "two"), "add", a=1, b=1)

    assert await call(client, worker(lab, "three"), "add", a=1, b=1) == 2

    assert await running == "slept"


async def test_when_all_are_busy_for_long_the_next_is_refused(crowded: tuple[Laboratory, RunnerClient]) -> None:
    lab, client = crowded
    running = [asyncio.create_task(call(client, worker(lab, name), "sleep", seconds=15.0)) for name in ("one", "two")]
    await wait_until_async(lambda: _ready(client, 2))

    with pytest.raises(Overloaded, match="2 of one tenant"):
        await call(client, worker(lab, "three"), "add", a=1, b=1)

    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_without_a_sandbox_there_is_one_tenant(crowded: tuple[Laboratory, RunnerClient]) -> None:
    lab, client = crowded
    await call(client, worker(lab, "one"), "add", a=1, b=1)

    with pytest.raises(RunnerUnavailable, match="2 tenants"):
        await call(client, msgspec.structs.replace(worker(lab, "one"), tenant_id="ten_OTHER"), "add", a=1, b=1)


async def _is_there(client: RunnerClient) -> bool:
    try:
        return bool(await client.status())
    except RunnerUnavailable:
        return False


async def _ready(client: RunnerClient, count: int) -> bool:
    return len((await client.status())["workers"]) == count
