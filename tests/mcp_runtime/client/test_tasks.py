"""Tools that run in the background: what an author writes, and what a client holds (FASTMCP T-11, PROTOCOL 4.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from mcp_runtime.client import Client
from mcp_runtime.client.tasks import TaskStatus
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.components.tasks import TaskConfig
from mcp_runtime.framework.dependencies import Progress
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.types import CreateMessageResult, TextContent
from mcp_runtime.gateway.standalone.stdio import converse
from mcp_runtime.protocol.errors import McpError
from tests.mcp_runtime.client.task_pipe import PipeTransport
from tests.support.waiting import wait_until_async

pytestmark = [pytest.mark.fastmcp("T-11"), pytest.mark.protocol("TK-02")]

T = TypeVar("T")
SOON = TaskConfig(poll_interval=timedelta(milliseconds=50))


async def within(work: Awaitable[T]) -> T:
    """What is to come, before the test is given up."""
    async with asyncio.timeout(20):
        return await work


class Workshop:
    """A server with slow tools, and what happened in them."""

    def __init__(self) -> None:
        self.mcp = FastMCP("workshop")
        self.go_on = asyncio.Event()
        self.begun = asyncio.Event()
        self.cleaned_up = False
        mcp = self.mcp

        @mcp.tool(task=SOON)
        async def bake(cakes: int, progress: Progress = Progress()) -> int:
            await progress.set_total(cakes)
            for cake in range(cakes):
                await progress.increment()
                await progress.set_message(f"cake {cake + 1}")
            await self.go_on.wait()
            return cakes

        @mcp.tool(task=SOON)
        async def ask(ctx: Context) -> str:
            name = await ctx.elicit("Who?", response_type=str)
            said = await ctx.sample("Greet them.")
            return f"{said.text}, {getattr(name, 'data', name.action)}"

        @mcp.tool(task=SOON)
        async def fail() -> None:
            raise ToolError("The oven is broken.")

        @mcp.tool(task=SOON)
        async def for_ever() -> None:
            self.begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cleaned_up = True
                raise

        @mcp.tool(task=TaskConfig("required", poll_interval=timedelta(milliseconds=50)))
        async def only_so() -> str:
            return "done"

        @mcp.tool
        async def at_once() -> str:
            return "now"


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()


@pytest.fixture(params=["memory, 2026", "memory, 2025", "pipe, 2026", "pipe, 2025"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def connected(mcp: FastMCP, way: str, **options: Any) -> AsyncIterator[Client]:
    """A client of either generation, in memory or on a pipe."""
    kind, _, year = way.partition(", ")
    mode = {"2026": "2026-07-28", "2025": "2025-11-25"}[year]
    transport: Any = mcp if kind == "memory" else PipeTransport(lambda lines, write: converse(mcp, lines, write), mode)
    async with Client(transport, mode=mode, **options) as client:
        yield client


async def test_a_call_goes_on_in_the_background_and_gives_its_result(workshop: Workshop, way: str) -> None:
    async with connected(workshop.mcp, way) as client:
        task = await within(client.call_tool("bake", {"cakes": 2}, task=True))
        before = await task.status()
        workshop.go_on.set()
        result = await within(task.result())

    assert not task.returned_immediately
    assert before.status == "working"
    assert result.data == 2
    assert (await task.status()).status == "completed"


async def test_progress_is_the_tasks_message(workshop: Workshop, way: str) -> None:
    async with connected(workshop.mcp, way) as client:
        task = await client.call_tool("bake", {"cakes": 3}, task=True)
        seen: list[str | None] = []
        task.on_status_change(lambda status: seen.append(status.status_message))
        await wait_until_async(lambda: "cake 3" in seen)
        workshop.go_on.set()
        await within(task)


async def test_the_questions_of_a_task_are_answered_by_the_clients_handlers(workshop: Workshop, way: str) -> None:
    async def name(message: str, *_: Any) -> dict[str, str]:
        return {"value": "Ada"}

    async def model(*_: Any) -> CreateMessageResult:
        return CreateMessageResult(role="assistant", content=TextContent(text="Hello"), model="m")

    async with connected(workshop.mcp, way, elicitation_handler=name, sampling_handler=model) as client:
        task = await client.call_tool("ask", task=True)
        result = await within(task.result())

    assert result.data == "Hello, Ada"


async def test_a_cancelled_tool_can_clean_up(workshop: Workshop, way: str) -> None:
    async with connected(workshop.mcp, way) as client:
        task = await client.call_tool("for_ever", task=True)
        await within(workshop.begun.wait())
        await task.cancel()
        await task.cancel()
        status = await within(task.wait())
        await wait_until_async(lambda: workshop.cleaned_up)

        with pytest.raises(McpError, match="cancelled"):
            await within(task.result())

    assert status.status == "cancelled"


async def test_a_task_ends_with_its_connection(workshop: Workshop, way: str) -> None:
    async with connected(workshop.mcp, way) as client:
        await client.call_tool("for_ever", task=True)
        await within(workshop.begun.wait())

    await wait_until_async(lambda: workshop.cleaned_up)


async def test_a_tool_that_fails_fails_as_it_does_in_a_call(workshop: Workshop, way: str) -> None:
    async with connected(workshop.mcp, way) as client:
        task = await client.call_tool("fail", task=True)
        quiet = await client.call_tool("fail", task=True, raise_on_error=False)

        with pytest.raises(ToolError, match="The oven is broken"):
            await within(task)
        assert (await within(quiet)).is_error


async def test_a_tool_that_is_no_task_answers_at_once_or_says_so(workshop: Workshop, way: str) -> None:
    async with connected(workshop.mcp, way) as client:
        if way.endswith("2025"):
            with pytest.raises(McpError, match=r"leave params\.task out"):
                await client.call_tool("at_once", task=True)
            return
        task = await client.call_tool("at_once", task=True)

        assert task.returned_immediately
        assert (await task).data == "now"
        assert (await task.wait()).status == "completed"


@pytest.mark.protocol("TK-01")
async def test_a_tool_that_is_a_task_only_is_refused_to_who_does_not_ask_for_one(workshop: Workshop, way: str) -> None:
    async with connected(workshop.mcp, way) as client:
        with pytest.raises(McpError) as refused:
            await client.call_tool("only_so")
        task = await client.call_tool("only_so", task=True)
        result = await within(task)

    assert refused.value.code == (-32601 if way.endswith("2025") else -32021)
    assert result.data == "done"


async def test_a_server_without_tasks_answers_at_once(way: str) -> None:
    mcp = FastMCP("plain")

    @mcp.tool
    async def at_once() -> str:
        return "now"

    async with connected(mcp, way) as client:
        task = await client.call_tool("at_once", task=True)

        assert task.returned_immediately
        assert (await task).data == "now"


async def test_waiting_ends_in_the_state_that_was_waited_for(workshop: Workshop, way: str) -> None:
    async with connected(workshop.mcp, way) as client:
        task = await client.call_tool("bake", {"cakes": 1}, task=True)
        status = await task.wait(state="working")

        with pytest.raises(TimeoutError):
            await task.wait(timeout=0.05)
    assert status.status == "working"


async def test_a_listener_may_be_asynchronous(workshop: Workshop) -> None:
    seen: list[str] = []

    async def listener(status: TaskStatus) -> None:
        seen.append(status.status)

    async with connected(workshop.mcp, "memory, 2026") as client:
        task = await client.call_tool("only_so", task=True)
        task.on_status_change(listener)
        await wait_until_async(lambda: "completed" in seen)


@pytest.mark.protocol("TK-03")
async def test_an_unknown_task_is_refused(workshop: Workshop, way: str) -> None:
    async with connected(workshop.mcp, way) as client:
        task = await client.call_tool("bake", {"cakes": 1}, task=True)
        task.task_id = "tsk_unknown"

        with pytest.raises(McpError, match="no such task") as refused:
            await task.status()
    assert refused.value.code == -32602


async def test_a_tool_of_a_mounted_server_runs_in_the_background_too(workshop: Workshop, way: str) -> None:
    outer = FastMCP("outer")
    outer.mount(workshop.mcp, prefix="shop")

    async with connected(outer, way) as client:
        task = await client.call_tool("shop_only_so", task=True)
        result = await within(task)

    assert not task.returned_immediately
    assert result.data == "done"
