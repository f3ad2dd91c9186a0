"""How tools run and fail (FASTMCP T-06, T-15, T-16, T-32 to T-34, S-04; SANDBOX 4)."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
import time

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.dependencies import get_context
from mcp_runtime.framework.errors import NotFoundError, ToolError
from mcp_runtime.framework.running import running
from mcp_runtime.framework.types import ErrorData
from mcp_runtime.protocol.errors import McpError, UnknownTool


@pytest.mark.fastmcp("T-15")
async def test_an_asynchronous_tool_runs_on_the_event_loop() -> None:
    mcp = FastMCP()

    @mcp.tool
    async def where() -> bool:
        return threading.current_thread() is threading.main_thread()

    async with Client(mcp) as client:
        assert await client.call_tool("where") == True  # noqa: E712 - compares the result's data


@pytest.mark.fastmcp("T-16", status="safer")
async def test_a_blocking_tool_does_not_stop_the_others() -> None:
    """The real library of that age runs it on the event loop."""
    mcp, release = FastMCP(), threading.Event()

    @mcp.tool
    def block() -> str:
        assert release.wait(30)
        return "done"

    @mcp.tool
    async def free() -> str:
        release.set()
        return "here"

    async with Client(mcp) as client:
        blocked = asyncio.create_task(client.call_tool("block"))
        await asyncio.sleep(0)
        assert await client.call_tool("free") == "here"
        assert await blocked == "done"


@pytest.mark.fastmcp("T-16")
async def test_a_tool_may_ask_to_stay_on_the_event_loop() -> None:
    mcp = FastMCP()

    @mcp.tool(run_in_thread=False)
    def where() -> str:
        return threading.current_thread().name

    async with Client(mcp) as client:
        assert await client.call_tool("where") == threading.current_thread().name


@pytest.mark.fastmcp("T-16")
async def test_context_variables_reach_the_thread() -> None:
    mcp, tenant = FastMCP(), contextvars.ContextVar("tenant", default="nobody")

    @mcp.tool
    def who() -> str:
        return f"{tenant.get()} {get_context().fastmcp.name}"

    tenant.set("acme")
    async with Client(mcp) as client:
        assert await client.call_tool("who") == f"acme {mcp.name}"


async def test_a_synchronous_tool_that_returns_an_awaitable_is_awaited() -> None:
    mcp = FastMCP()

    async def later() -> str:
        return "later"

    mcp.tool(lambda: later(), name="lazy")  # noqa: PLW0108 - not a coroutine function itself

    async with Client(mcp) as client:
        assert (await client.call_tool("lazy")).content[0].text == "later"


async def test_cancelling_a_call_ends_its_thread_before_the_task() -> None:
    """SANDBOX 4: a finished task has no code running behind it."""
    mcp, entered, left = FastMCP(), threading.Event(), threading.Event()

    @mcp.tool
    def spin() -> None:
        entered.set()
        try:
            while True:
                time.sleep(0.001)
        finally:
            left.set()

    async with Client(mcp) as client:
        call = asyncio.create_task(client.call_tool("spin"))
        await asyncio.to_thread(entered.wait, 30)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    assert left.is_set()
    assert running() == []


async def test_a_thread_that_was_interrupted_serves_the_next_call() -> None:
    mcp, entered = FastMCP(), threading.Event()

    @mcp.tool
    def spin() -> None:
        entered.set()
        while True:
            time.sleep(0.001)

    @mcp.tool
    def after() -> str:
        return "fine"

    async with Client(mcp) as client:
        for _ in range(20):
            entered.clear()
            call = asyncio.create_task(client.call_tool("spin"))
            await asyncio.to_thread(entered.wait, 30)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert await client.call_tool("after") == "fine"


@pytest.mark.parametrize("kind", ["thread", "loop"])
async def test_a_tool_over_its_time_is_told_so(kind: str) -> None:
    mcp, release = FastMCP(), threading.Event()

    def in_thread() -> None:
        while not release.wait(0.001):
            pass

    async def on_loop() -> None:
        await asyncio.Event().wait()

    mcp.tool(in_thread if kind == "thread" else on_loop, name="slow", timeout=0.05)

    async with Client(mcp) as client:
        with pytest.raises(ToolError, match=r"Tool 'slow' did not finish within its 0.05 s"):
            await client.call_tool("slow")
    release.set()


@pytest.mark.parametrize("kind", ["thread", "loop"])
async def test_a_tools_own_timeout_is_its_own_error(kind: str) -> None:
    mcp = FastMCP()

    def in_thread() -> None:
        raise TimeoutError("the database is slow")

    async def on_loop() -> None:
        raise TimeoutError("the database is slow")

    mcp.tool(in_thread if kind == "thread" else on_loop, name="slow", timeout=60)

    async with Client(mcp) as client:
        with pytest.raises(ToolError, match="Error calling tool 'slow': the database is slow"):
            await client.call_tool("slow")


@pytest.mark.fastmcp("T-32")
async def test_a_tool_error_reaches_the_client_word_for_word() -> None:
    mcp = FastMCP(mask_error_details=True)

    @mcp.tool
    def divide() -> float:
        raise ToolError("Not by zero.")

    async with Client(mcp) as client:
        with pytest.raises(ToolError) as refused:
            await client.call_tool("divide")
    assert str(refused.value) == "Not by zero."


@pytest.mark.fastmcp("T-32", "S-04")
@pytest.mark.parametrize(
    ("masked", "text"), [(False, "Error calling tool 'fail': the secret"), (True, "Error calling tool 'fail'")]
)
async def test_other_errors_are_masked_when_the_server_says_so(masked: bool, text: str) -> None:
    mcp = FastMCP(mask_error_details=masked)

    @mcp.tool
    def fail() -> float:
        raise RuntimeError("the secret")

    async with Client(mcp) as client:
        result = await client.call_tool("fail", raise_on_error=False)
    assert (result.is_error, result.content[0].text, result.data) == (True, text, None)


@pytest.mark.parametrize("kind", ["thread", "loop"])
async def test_a_tool_that_exits_fails_alone(kind: str) -> None:
    mcp = FastMCP()

    def in_thread() -> None:
        sys.exit(3)

    async def on_loop() -> None:
        sys.exit(3)

    mcp.tool(in_thread if kind == "thread" else on_loop, name="leave")

    async with Client(mcp) as client:
        with pytest.raises(ToolError, match=r"it called sys.exit\(3\)"):
            await client.call_tool("leave")


async def test_an_error_whose_text_cannot_be_read_is_named_by_its_class() -> None:
    class Evil(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    mcp = FastMCP()

    @mcp.tool
    def fail() -> None:
        raise Evil

    async with Client(mcp) as client:
        with pytest.raises(ToolError, match="Error calling tool 'fail': Evil"):
            await client.call_tool("fail")


async def test_a_json_rpc_error_of_the_author_goes_out_as_one() -> None:
    mcp = FastMCP()

    @mcp.tool
    def fail() -> None:
        raise McpError(ErrorData(code=4711, message="Mine.", data={"a": 1}))  # type: ignore[arg-type]

    async with Client(mcp) as client:
        with pytest.raises(McpError) as refused:
            await client.call_tool("fail")
    assert (refused.value.code, refused.value.message, refused.value.data) == (4711, "Mine.", {"a": 1})


async def test_an_unknown_tool_is_a_json_rpc_error() -> None:
    async with Client(FastMCP()) as client:
        with pytest.raises(UnknownTool, match="nope"):
            await client.call_tool("nope")


@pytest.mark.fastmcp("T-06")
async def test_a_disabled_tool_is_unknown() -> None:
    mcp = FastMCP()

    @mcp.tool(enabled=False)
    def off() -> int:
        return 1

    async with Client(mcp) as client:
        assert await client.list_tools() == []
        with pytest.raises(UnknownTool):
            await client.call_tool("off")


@pytest.mark.fastmcp("T-33")
async def test_a_tool_is_switched_directly_and_awaited() -> None:
    mcp = FastMCP()

    @mcp.tool
    def switched() -> int:
        return 1

    async with Client(mcp) as client:
        mcp.get_tool("switched").disable()
        assert await client.list_tools() == []
        (await mcp.get_tool("switched")).enable()
        assert await client.call_tool("switched") == 1


@pytest.mark.fastmcp("T-34")
async def test_a_removed_tool_is_gone() -> None:
    mcp = FastMCP()
    mcp.tool(lambda: 1, name="one")

    mcp.remove_tool("one")

    async with Client(mcp) as client:
        assert await client.list_tools() == []


@pytest.mark.fastmcp("T-34")
def test_removing_what_is_not_there_is_an_error() -> None:
    with pytest.raises(NotFoundError, match="'one'"):
        FastMCP().remove_tool("one")


async def test_a_tool_added_while_serving_is_there_at_once() -> None:
    mcp = FastMCP()

    @mcp.tool
    def grow(ctx: Context) -> str:
        ctx.fastmcp.tool(lambda: "new", name="grown")
        return "ok"

    async with Client(mcp) as client:
        assert len(await client.list_tools()) == 1
        await client.call_tool("grow")
        assert [tool.name for tool in await client.list_tools()] == ["grow", "grown"]
