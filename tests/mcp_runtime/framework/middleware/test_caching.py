"""ResponseCachingMiddleware (FASTMCP M-25)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcp_runtime.framework import FastMCP
from mcp_runtime.framework.components import ToolResult
from mcp_runtime.framework.middleware import Middleware
from mcp_runtime.framework.middleware.caching import ResponseCachingMiddleware
from mcp_runtime.framework.serving import serve
from mcp_runtime.framework.storage import DiskStore, MemoryStore
from mcp_runtime.protocol.errors import UnknownTool
from tests.mcp_runtime.framework.exchanges import Recorder

READ_ONLY = {"readOnlyHint": True}


class Counting:
    """A server whose answers say how often they were worked out."""

    def __init__(self, caching: ResponseCachingMiddleware) -> None:
        self.count = 0
        self.mcp = FastMCP("counting", version="1", middleware=[caching])
        self.mcp.tool(self.next, name="read", annotations=READ_ONLY)
        self.mcp.tool(self.next, name="write")
        self.mcp.resource("data://n", name="n")(self.next)
        self.mcp.prompt(self.next, name="ask")

    def next(self) -> str:
        self.count += 1
        return str(self.count)

    async def call(self, name: str = "read", subject: str = "ada", **arguments: Any) -> str:
        params = {"name": name, "arguments": arguments}
        answer: Any = await serve(self.mcp, "tools/call", params, Recorder(subject))
        return str(answer["content"][0]["text"])

    async def read(self, subject: str = "ada") -> str:
        answer: Any = await serve(self.mcp, "resources/read", {"uri": "data://n"}, Recorder(subject))
        return str(answer["contents"][0]["text"])

    async def ask(self, subject: str = "ada") -> str:
        answer: Any = await serve(self.mcp, "prompts/get", {"name": "ask"}, Recorder(subject))
        return str(answer["messages"][0]["content"]["text"])


@pytest.mark.fastmcp("M-25", status="safer")
async def test_a_tool_that_only_reads_is_answered_from_the_cache() -> None:
    caching = ResponseCachingMiddleware()
    server = Counting(caching)

    assert [await server.call(), await server.call()] == ["1", "1"]
    assert caching.statistics() == {"hits": 1, "misses": 1}


@pytest.mark.fastmcp("M-25", status="safer")
async def test_a_tool_that_may_have_effects_is_called_every_time() -> None:
    server = Counting(ResponseCachingMiddleware())

    assert [await server.call("write"), await server.call("write")] == ["1", "2"]


@pytest.mark.fastmcp("M-25")
async def test_the_settings_of_the_real_library_choose_the_tools() -> None:
    server = Counting(
        ResponseCachingMiddleware(call_tool_settings={"ttl": 60, "included_tools": ["write"]}, max_item_size=1000)
    )

    assert [await server.call("write"), await server.call("write")] == ["1", "1"]
    assert [await server.call("read"), await server.call("read")] == ["2", "3"]


@pytest.mark.fastmcp("M-25")
async def test_a_method_may_be_left_out() -> None:
    server = Counting(
        ResponseCachingMiddleware(
            call_tool_settings={"enabled": False},
            read_resource_settings={"enabled": False},
            get_prompt_settings={"enabled": False},
        )
    )

    assert [await server.call(), await server.call()] == ["1", "2"]
    assert [await server.read(), await server.read()] == ["3", "4"]
    assert [await server.ask(), await server.ask()] == ["5", "6"]


@pytest.mark.fastmcp("M-25", status="safer")
async def test_nobody_sees_what_another_was_answered() -> None:
    server = Counting(ResponseCachingMiddleware())

    assert [await server.call(subject="ada"), await server.call(subject="ben")] == ["1", "2"]
    assert [await server.read("ada"), await server.read("ben"), await server.read("ada")] == ["3", "4", "3"]
    assert [await server.ask("ada"), await server.ask("ben"), await server.ask("ada")] == ["5", "6", "5"]


@pytest.mark.fastmcp("M-25", status="safer")
async def test_a_change_of_the_server_makes_what_was_kept_count_no_more() -> None:
    server = Counting(ResponseCachingMiddleware())
    assert await server.call() == "1"

    server.mcp.tool(lambda: 1, name="another")

    assert await server.call() == "2"


@pytest.mark.fastmcp("M-25", status="safer")
async def test_a_tool_that_was_switched_off_is_not_answered_from_the_cache() -> None:
    server = Counting(ResponseCachingMiddleware())
    await server.call()

    server.mcp.get_tool("read").disable()

    with pytest.raises(UnknownTool):
        await server.call()


@pytest.mark.fastmcp("M-25", "B-01", status="document")
async def test_the_documents_parameters_keep_answers_on_disk(tmp_path: Path) -> None:
    server = Counting(ResponseCachingMiddleware(cache_storage=DiskStore(directory=tmp_path / "cache"), ttl=3600))
    assert await server.call() == "1"

    again = Counting(ResponseCachingMiddleware(cache_storage=DiskStore(directory=tmp_path / "cache"), ttl=3600))

    assert await again.call() == "1"
    assert again.count == 0


@pytest.mark.fastmcp("M-25")
async def test_entries_live_as_long_as_they_are_meant_to() -> None:
    now = [1000.0]
    server = Counting(ResponseCachingMiddleware(MemoryStore(now=lambda: now[0]), ttl=120))
    assert await server.call() == "1"

    now[0] += 119
    assert await server.call() == "1"
    now[0] += 2
    assert await server.call() == "2"


@pytest.mark.fastmcp("M-25")
async def test_errors_and_large_answers_are_not_kept() -> None:
    mcp = FastMCP(middleware=[ResponseCachingMiddleware(max_item_size=100)])
    calls: list[str] = []

    @mcp.tool(annotations=READ_ONLY)
    def large() -> str:
        calls.append("large")
        return "x" * 200

    @mcp.tool(annotations=READ_ONLY)
    def failing() -> ToolResult:
        calls.append("failing")
        return ToolResult("no", is_error=True)

    for name in ("large", "large", "failing", "failing"):
        await serve(mcp, "tools/call", {"name": name}, Recorder())

    assert calls == ["large", "large", "failing", "failing"]


@pytest.mark.fastmcp("M-25")
async def test_structure_bytes_and_meta_come_back_as_they_were() -> None:
    mcp = FastMCP(middleware=[ResponseCachingMiddleware()])

    @mcp.tool(annotations=READ_ONLY)
    def add(a: int, b: int) -> int:
        return a + b

    @mcp.resource("data://bytes")
    def some() -> bytes:
        return b"\x00\xff"

    for method, params in (
        ("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}),
        ("resources/read", {"uri": "data://bytes"}),
    ):
        first = await serve(mcp, method, params, Recorder())
        assert await serve(mcp, method, params, Recorder()) == first


@pytest.mark.fastmcp("M-25")
async def test_lists_are_cached_for_each_caller() -> None:
    asked: list[str] = []

    class Slow(Middleware):
        async def on_list_tools(self, context: Any, call_next: Any) -> Any:
            asked.append(context.fastmcp_context.exchange.caller.subject)
            return await call_next(context)

    mcp = FastMCP(middleware=[ResponseCachingMiddleware(), Slow()])
    for subject in ("ada", "ada", "ben"):
        await serve(mcp, "tools/list", {}, Recorder(subject))

    assert asked == ["ada", "ben"]


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="Cache settings have no 'time'"):
        ResponseCachingMiddleware(call_tool_settings={"time": 3})  # type: ignore[arg-type]  # that is the point
    with pytest.raises(ValueError, match="ttl="):
        ResponseCachingMiddleware(ttl=0)
