"""How far a task has come, for the run that comes after it (FASTMCP T-11, C-10)."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.serving import serve
from tests.mcp_runtime.framework.exchanges import Recorder

pytestmark = pytest.mark.fastmcp("T-11")


@pytest.fixture
def mcp() -> FastMCP:
    """A tool that crashes once in the middle, and says where it began."""
    server = FastMCP("shop")

    @server.tool(task=True)
    async def count(ctx: Context, crash_at: int = 0) -> dict[str, Any]:
        first = await ctx.last_checkpoint(0)
        for number in range(first, 4):
            if number == crash_at and number > 0:
                raise RuntimeError("crashed")
            await ctx.checkpoint(number + 1)
        return {"began_at": first, "task": ctx.task_id}

    @server.tool(task=True)
    async def keep_anything(ctx: Context) -> None:
        await ctx.checkpoint(object())

    return server


async def called(mcp: FastMCP, name: str, caller: Recorder, **arguments: Any) -> dict[str, Any]:
    answer: Any = await serve(mcp, "tools/call", {"name": name, "arguments": arguments}, caller)
    return dict(answer)


async def test_a_task_run_again_begins_at_its_last_checkpoint(mcp: FastMCP) -> None:
    crashed = await called(mcp, "count", Recorder("ada", task="tsk_1"), crash_at=2)
    again = await called(mcp, "count", Recorder("ada", task="tsk_1"))

    assert crashed["isError"]
    assert again["structuredContent"] == {"began_at": 2, "task": "tsk_1"}


@pytest.mark.parametrize(("subject", "task"), [("ada", "tsk_2"), ("ben", "tsk_1")])
async def test_checkpoints_are_of_one_task_and_one_caller(mcp: FastMCP, subject: str, task: str) -> None:
    await called(mcp, "count", Recorder("ada", task="tsk_1"))

    other = await called(mcp, "count", Recorder(subject, task=task))

    assert other["structuredContent"]["began_at"] == 0


async def test_a_call_that_is_no_task_keeps_nothing(mcp: FastMCP) -> None:
    await called(mcp, "count", Recorder("ada"))

    again = await called(mcp, "count", Recorder("ada"))

    assert again["structuredContent"] == {"began_at": 0, "task": None}


async def test_what_is_no_json_is_refused_with_what_to_keep_instead(mcp: FastMCP) -> None:
    answer = await called(mcp, "keep_anything", Recorder("ada", task="tsk_1"))

    assert answer["isError"]
    assert "A checkpoint is JSON" in answer["content"][0]["text"]
