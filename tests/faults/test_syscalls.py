"""The kernel's dangerous doors are shut (SANDBOX 2.3)."""

from __future__ import annotations

import pytest

from mcp_runtime.ports.sandboxes import WorkerDied
from mcp_runtime.sandbox.client import RunnerClient
from tests.faults.laboratory import Laboratory, call


@pytest.mark.parametrize("tool", ["call_all", "new_namespaces", "terminal", "controls"])
async def test_nothing_forbidden_reaches_the_kernel(lab: Laboratory, client: RunnerClient, tool: str) -> None:
    reached = await call(client, lab.server("syscalls"), tool)

    assert reached == []


async def test_the_32_bit_door_kills_the_worker(lab: Laboratory, client: RunnerClient) -> None:
    worker = lab.server("syscalls", instance="int80")

    with pytest.raises(WorkerDied) as died:
        await call(client, worker, "foreign_architecture")

    assert died.value.reason == "seccomp"
