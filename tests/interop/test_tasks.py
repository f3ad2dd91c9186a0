"""Long calls on a whole platform: they go on in another process, and outlive its death (PROTOCOL 4.2)."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from mcp_runtime.client import Client
from tests.support import RunningPlatform, wait_until, wait_until_async


@pytest.mark.protocol("TK-01", "TK-02", "TK-03")
@pytest.mark.parametrize("mode", ["auto", "2025-11-25"])
async def test_a_long_tool_goes_on_behind_the_answer(
    workshop: str, running_platform: RunningPlatform, mode: str
) -> None:
    async with Client(workshop, auth=running_platform.api_key, mode=mode) as client:
        task = await client.call_tool("index", {"pages": 2, "pause": 0.1}, task=True)
        ended = await task.wait(timeout=60)
        result = await task.result()

    assert not task.returned_immediately
    assert ended.status == "completed"
    assert result.data == "2 pages, in one go"


@pytest.mark.protocol("TK-02")
async def test_a_task_outlives_the_process_that_works_on_it(workshop: str, running_platform: RunningPlatform) -> None:
    async with Client(workshop, auth=running_platform.api_key) as client:
        task = await client.call_tool("index", {"pages": 8, "pause": 0.5}, task=True)

        async def under_way() -> bool:
            return (await task.status()).status_message == "page 3"

        await wait_until_async(under_way, 30)
        os.kill(working_on_tasks(running_platform), signal.SIGKILL)
        await task.wait(timeout=60)
        result = await task.result()

    assert result.data == "8 pages, begun again"


async def test_a_cancelled_task_ends(workshop: str, running_platform: RunningPlatform) -> None:
    async with Client(workshop, auth=running_platform.api_key) as client:
        task = await client.call_tool("index", {"pages": 1000, "pause": 0.5}, task=True)
        await task.cancel()
        ended = await task.wait(timeout=30)

    assert ended.status == "cancelled"


def working_on_tasks(platform: RunningPlatform) -> int:
    """The process of this platform that runs tasks."""

    def found() -> int | None:
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes()
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if b"--queues=stoa.tasks" in command and parent == platform.process.pid:
                return int(entry.name)
        return None

    return wait_until(found)
