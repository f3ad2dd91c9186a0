"""Blocks 45 to 51 and 59: middleware."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.protocol.errors import McpError
from tests.contract.cases import case
from tests.contract.document import Stage


class Counter:
    """A server whose one tool says how often it ran."""

    def __init__(self) -> None:
        self.runs = 0
        self.mcp = FastMCP("surroundings")

        @self.mcp.tool(annotations={"readOnlyHint": True, "idempotentHint": True})
        def count(step: int = 1) -> int:
            self.runs += step
            return self.runs

    async def call(self, times: int = 1) -> list[Any]:
        async with Client(self.mcp) as client:
            return [(await client.call_tool("count")).data for _ in range(times)]


class Lines(logging.Handler):
    """What was logged under one name."""

    def __init__(self, stage: Stage, name: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        logger = logging.getLogger(name)
        stage.patch.setattr(logger, "level", logging.DEBUG)
        stage.patch.setattr(logger, "handlers", [self])
        stage.patch.setattr(logger, "propagate", False)
        logger.manager._clear_cache()  # type: ignore[attr-defined]  # what it keeps of the levels before

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@case(45, "M-01", "M-02")
async def a_middleware_stands_around_every_message(stage: Stage) -> None:
    server = Counter()
    printed: list[str] = []
    names = await stage.run(print=printed.append)

    server.mcp.add_middleware(names["CustomMiddleware"]())

    assert await server.call() == [1]
    assert any(line.startswith("Request: ") and "count" in line for line in printed)
    assert any(line.startswith("Response: ") for line in printed)


@case(46, "M-20", "M-21")
async def timing_is_logged(stage: Stage) -> None:
    server = Counter()
    timing = Lines(stage, "fastmcp.timing")
    detailed = Lines(stage, "fastmcp.timing.detailed")
    await stage.run(mcp=server.mcp)

    await server.call()

    assert any(line.startswith("Request tools/call completed in ") for line in timing.lines)
    assert any("count" in line for line in timing.lines + detailed.lines)


@case(47, "M-22", "M-23")
async def messages_are_logged_as_text_and_as_json(stage: Stage) -> None:
    server = Counter()
    text = Lines(stage, "fastmcp.requests")
    structured = Lines(stage, "fastmcp.middleware.structured_logging")
    stage.patch.setattr(logging.getLogger("fastmcp"), "propagate", False)
    await stage.run(mcp=server.mcp)

    await server.call()

    assert any("tools/call" in line and "count" in line for line in text.lines)
    assert any(json.loads(line).get("method") == "tools/call" for line in structured.lines)


@case(48, "M-24", "G-24", status="document")
async def requests_beyond_the_limit_are_refused(stage: Stage) -> None:
    """Fifty a second, and twice as many at once."""
    server = Counter()
    await stage.run(mcp=server.mcp)

    with pytest.raises((ToolError, McpError), match=r"(?i)rate limit"):
        await server.call(300)
    assert 50 <= server.runs < 300


@case(49, "M-25", "B-02", "G-23", status="document")
async def answers_are_kept_on_disk(stage: Stage) -> None:
    server = Counter()
    await stage.run(mcp=server.mcp)

    assert await server.call(3) == [1, 1, 1]
    assert any((stage.folder / "cache").rglob("*"))


@case(50, "M-26", "G-25", status="document")
async def errors_are_retried(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    tries = 0

    @mcp.tool(annotations={"readOnlyHint": True, "idempotentHint": True})
    def fragile() -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ConnectionError("not yet")
        return "there"

    waited: list[float] = []

    async def at_once(seconds: float, result: object = None) -> object:
        waited.append(seconds)
        return result

    await stage.run(mcp=mcp)
    stage.patch.setattr("mcp_runtime.framework.middleware.error_handling.asyncio.sleep", at_once)

    async with Client(mcp) as client:
        result = await client.call_tool("fragile")
    assert result.data == "there"
    assert 0.5 <= waited[0] <= 1.0 <= waited[1] <= 2.0


@case(51, "M-13", "G-22")
async def several_run_in_the_order_in_which_they_were_added(stage: Stage) -> None:
    server = Counter()
    names: dict[str, Any] = {}
    order: list[str] = []
    for module, name in (
        ("errors", "ErrorHandlingMiddleware"),
        ("ratelimit", "RateLimitingMiddleware"),
        ("caching", "ResponseCachingMiddleware"),
        ("logging", "LoggingMiddleware"),
    ):
        names[name] = _noting(__import__(f"fastmcp.server.middleware.{module}", fromlist=[name]), name, order)

    await stage.run(mcp=server.mcp, **names)
    await server.call()

    assert order[: len(names)] == list(names)
    assert server.runs == 1


@case(59, "M-25", "B-02", status="document")
async def a_disk_keeps_answers_for_the_next_server(stage: Stage) -> None:
    first = await stage.run()
    server = Counter()
    server.mcp.name = first["mcp"].name
    for middleware in first["mcp"].middleware:
        server.mcp.add_middleware(middleware)

    assert await server.call(2) == [1, 1]
    assert any((stage.folder / "cache").rglob("*"))


def _noting(module: Any, name: str, order: list[str]) -> type:
    """The class, whose instances note when they are entered."""

    class Noting(getattr(module, name)):  # type: ignore[misc]
        async def __call__(self, context: Any, call_next: Any) -> Any:
            order.append(name)
            return await super().__call__(context, call_next)

    return Noting
