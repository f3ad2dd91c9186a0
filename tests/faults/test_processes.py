"""Reaching, making and outliving processes; memory and CPU (SANDBOX 2.2 to 2.4)."""

from __future__ import annotations

import asyncio
import os
import subprocess

import pytest

from mcp_runtime.ports.sandboxes import SandboxError, WorkerDied
from mcp_runtime.ports.workers import WorkerLimits
from mcp_runtime.sandbox.client import RunnerClient
from tests.faults.laboratory import Laboratory, call


async def test_no_process_of_the_host_can_be_touched(
    lab: Laboratory, client: RunnerClient, bystander: subprocess.Popen[bytes]
) -> None:
    escapes = []
    for pid in (bystander.pid, os.getpid(), lab.process.pid):
        escapes += [(pid, escape) for escape in await call(client, lab.server("processes"), "touch", pid=pid)]  # type: ignore[attr-defined]

    assert escapes == []


async def test_no_process_can_be_made(lab: Laboratory, client: RunnerClient) -> None:
    made = await call(client, lab.server("processes"), "fork", count=50)

    assert made == 0


async def test_threads_are_bounded(lab: Laboratory, client: RunnerClient) -> None:
    worker = lab.server("processes", instance="threads")

    made = await call(client, worker, "threads", count=500)

    assert int(str(made)) <= worker.limits.processes


async def test_no_program_can_be_run(lab: Laboratory, client: RunnerClient) -> None:
    escapes = await call(client, lab.server("processes"), "execute")

    assert escapes == []


async def test_no_memory_outside_the_limit_can_be_found(lab: Laboratory, client: RunnerClient) -> None:
    escapes = await call(client, lab.server("processes"), "hidden_memory")

    assert escapes == []


async def test_8_gb_are_not_given(lab: Laboratory, client: RunnerClient) -> None:
    worker = lab.server("processes", instance="memory")

    outcome = await asyncio.gather(call(client, worker, "allocate", megabytes=8192), return_exceptions=True)

    match outcome:
        case [WorkerDied(reason=reason)]:
            assert reason in ("oom", "signal", "killed")
        case [int(refused_at)]:
            assert -worker.limits.memory_mb * 4 <= refused_at < 0
        case _:
            raise AssertionError(outcome)


async def test_after_a_worker_took_too_much_the_next_call_works(lab: Laboratory, client: RunnerClient) -> None:
    worker = lab.server("processes", instance="memory2")
    await asyncio.gather(call(client, worker, "allocate", megabytes=8192), return_exceptions=True)

    assert await call(client, worker, "answer") == "here"


async def test_processor_time_is_shared_out(lab: Laboratory, client: RunnerClient) -> None:
    status = await client.status()
    if "cpu" not in status["guarantees"]:
        assert "cpu" in status["missing"], "a missing bound is reported, not hidden"
        return

    used = await call(client, lab.server("processes", instance="burn"), "burn", seconds=3, workers=4)

    assert float(str(used)) <= WorkerLimits().cpu_cores * 1.4


@pytest.mark.parametrize("how", ["_exit", "abort", "segfault"])
async def test_a_worker_that_ends_in_a_call_is_named_and_the_next_call_works(
    lab: Laboratory, client: RunnerClient, how: str
) -> None:
    worker = lab.server("processes", instance=f"leave{how}")

    with pytest.raises(WorkerDied, match=r"."):
        await call(client, worker, "leave", how=how)

    assert await call(client, worker, "answer") == "here"


async def test_a_tool_that_raises_system_exit_fails_alone(lab: Laboratory, client: RunnerClient) -> None:
    worker = lab.server("processes", instance="systemexit")

    with pytest.raises((SandboxError, AssertionError)):
        await call(client, worker, "leave", how="sys.exit")

    assert await call(client, worker, "answer") == "here"
