"""Timing, logging, limits, errors, retries and brought-along tools (FASTMCP M-20 to M-24, M-26, M-27)."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.components import Tool
from mcp_runtime.framework.components.access import require_scopes
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.middleware.authorization import AuthMiddleware
from mcp_runtime.framework.middleware.error_handling import ErrorHandlingMiddleware, RetryMiddleware
from mcp_runtime.framework.middleware.logging import LoggingMiddleware, StructuredLoggingMiddleware
from mcp_runtime.framework.middleware.ping import PingMiddleware
from mcp_runtime.framework.middleware.rate_limiting import (
    RateLimitError,
    RateLimitingMiddleware,
    SlidingWindowRateLimiter,
    SlidingWindowRateLimitingMiddleware,
    TokenBucketRateLimiter,
)
from mcp_runtime.framework.middleware.response_limiting import ResponseLimitingMiddleware
from mcp_runtime.framework.middleware.timing import DetailedTimingMiddleware, TimingMiddleware
from mcp_runtime.framework.middleware.tool_injection import (
    PromptToolMiddleware,
    ResourceToolMiddleware,
    ToolInjectionMiddleware,
)
from mcp_runtime.framework.serving import serve
from mcp_runtime.protocol.errors import McpError
from tests.mcp_runtime.framework.exchanges import Recorder

CALL = {"name": "add", "arguments": {"a": 1, "b": 2}}


def adding(*middleware: Any, **options: Any) -> FastMCP:
    """A server with one tool, and with `middleware`."""
    mcp = FastMCP("adding", **options)

    @mcp.tool
    def add(a: int, b: int, password: str = "") -> int:
        return a + b

    for one in middleware:
        mcp.add_middleware(one)
    return mcp


class Clock:
    """Stands still until it is told the time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.fastmcp("M-20")
async def test_timing_logs_each_request_with_its_time(caplog: pytest.LogCaptureFixture) -> None:
    mcp = adding(TimingMiddleware())

    with caplog.at_level(logging.INFO, "fastmcp.timing"):
        await serve(mcp, "tools/call", CALL, Recorder())

    assert re.fullmatch(r"Request tools/call completed in \d+\.\d\dms", caplog.messages[-1])


@pytest.mark.fastmcp("M-20", status="safer")
async def test_timing_logs_a_failure_by_its_kind_alone(caplog: pytest.LogCaptureFixture) -> None:
    mcp = adding(TimingMiddleware())

    with caplog.at_level(logging.INFO, "fastmcp.timing"), pytest.raises(McpError):
        await serve(mcp, "tools/call", {"name": "none"}, Recorder())

    assert re.fullmatch(r"Request tools/call failed after \d+\.\d\dms: UnknownTool", caplog.messages[-1])


@pytest.mark.fastmcp("M-21")
async def test_detailed_timing_names_the_operation(caplog: pytest.LogCaptureFixture) -> None:
    mcp = adding(DetailedTimingMiddleware())

    with caplog.at_level(logging.INFO, "fastmcp.timing.detailed"):
        await serve(mcp, "tools/call", CALL, Recorder())
        await serve(mcp, "tools/list", {}, Recorder())
        await serve(mcp, "ping", {}, Recorder())

    assert [re.sub(r"\d+\.\d\dms", "T", message) for message in caplog.messages] == [
        "Tool 'add' completed in T",
        "List tools completed in T",
    ]


@pytest.mark.fastmcp("M-22", status="safer")
async def test_logging_writes_payloads_without_their_secrets(caplog: pytest.LogCaptureFixture) -> None:
    mcp = adding(LoggingMiddleware(include_payloads=True))
    arguments = {"a": 1, "b": 2, "password": "hunter22"}

    with caplog.at_level(logging.INFO, "fastmcp.requests"):
        await serve(mcp, "tools/call", {"name": "add", "arguments": arguments}, Recorder())

    start, success = caplog.messages
    assert start.startswith("event=request_start method=tools/call source=client payload=")
    assert '"password":"[redacted]"' in start
    assert success.startswith("event=request_success method=tools/call source=client duration_ms=")
    assert "hunter22" not in caplog.text


@pytest.mark.fastmcp("M-22")
async def test_logging_is_without_payloads_unless_asked_and_cuts_long_ones(caplog: pytest.LogCaptureFixture) -> None:
    mcp = adding(LoggingMiddleware())
    long = adding(LoggingMiddleware(include_payloads=True, max_payload_length=20, redact=False))

    with caplog.at_level(logging.INFO, "fastmcp.requests"):
        await serve(mcp, "tools/call", CALL, Recorder())
        await serve(long, "tools/call", CALL, Recorder())

    assert "payload" not in caplog.messages[0]
    assert 'payload={"name":"add","argum… ' in caplog.messages[2]


@pytest.mark.fastmcp("M-22")
async def test_logging_is_for_the_methods_named(caplog: pytest.LogCaptureFixture) -> None:
    mcp = adding(LoggingMiddleware(methods=["tools/list"]))

    with caplog.at_level(logging.INFO, "fastmcp.requests"):
        await serve(mcp, "tools/call", CALL, Recorder())

    assert caplog.messages == []


@pytest.mark.fastmcp("M-22", status="safer")
async def test_a_client_cannot_write_log_lines_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    mcp = adding(LoggingMiddleware())

    with caplog.at_level(logging.INFO, "fastmcp.requests"):
        await serve(mcp, "notifications/x\nevent=fake", {}, Recorder())

    assert "\n" not in caplog.messages[0]


@pytest.mark.fastmcp("M-23")
async def test_structured_logging_writes_json_lines(caplog: pytest.LogCaptureFixture) -> None:
    mcp = adding(StructuredLoggingMiddleware(include_payloads=True, include_payload_length=True))

    with caplog.at_level(logging.INFO, "fastmcp.middleware.structured_logging"):
        await serve(mcp, "tools/call", CALL, Recorder())

    start, success = map(json.loads, caplog.messages)
    assert (start["event"], start["method"], start["payload_type"]) == (
        "request_start",
        "tools/call",
        "CallToolRequestParams",
    )
    assert start["payload_length"] == len(start["payload"])
    assert json.loads(start["payload"])["arguments"] == {"a": 1, "b": 2}
    assert success["event"] == "request_success"


@pytest.mark.fastmcp("M-23")
async def test_a_failure_is_logged_with_its_kind(caplog: pytest.LogCaptureFixture) -> None:
    mcp = adding(StructuredLoggingMiddleware())

    with pytest.raises(McpError):
        await serve(mcp, "tools/call", {"name": "none"}, Recorder())

    assert json.loads(caplog.messages[-1])["error_type"] == "UnknownTool"


@pytest.mark.fastmcp("M-24", status="safer")
async def test_each_caller_has_a_bucket_of_its_own() -> None:
    clock = Clock()
    mcp = adding(RateLimitingMiddleware(max_requests_per_second=1, burst_capacity=2, now=clock))

    for _ in range(2):
        await serve(mcp, "tools/call", CALL, Recorder("ada"))
    with pytest.raises(RateLimitError, match=r"Rate limit exceeded: try again in 1 s\.") as refusal:
        await serve(mcp, "tools/call", CALL, Recorder("ada"))
    assert (refusal.value.code, refusal.value.data) == (-32000, {"retryAfter": 1.0})
    await serve(mcp, "tools/call", CALL, Recorder("ben"))

    clock.now += 1
    await serve(mcp, "tools/call", CALL, Recorder("ada"))


@pytest.mark.fastmcp("M-24", status="document")
async def test_the_documents_algorithm_parameter_chooses_the_window() -> None:
    clock = Clock()
    mcp = adding(RateLimitingMiddleware(max_requests_per_second=2, algorithm="sliding_window", now=clock))

    for _ in range(2):
        await serve(mcp, "tools/call", CALL, Recorder("ada"))
        clock.now += 0.25
    with pytest.raises(RateLimitError, match=r"try again in 0\.5 s"):
        await serve(mcp, "tools/call", CALL, Recorder("ada"))
    clock.now += 0.5
    await serve(mcp, "tools/call", CALL, Recorder("ada"))


@pytest.mark.fastmcp("M-24")
async def test_the_sliding_window_counts_over_minutes() -> None:
    clock = Clock()
    mcp = adding(SlidingWindowRateLimitingMiddleware(max_requests=1, window_minutes=2, now=clock))

    await serve(mcp, "tools/list", {}, Recorder("ada"))
    clock.now += 119
    with pytest.raises(McpError, match="try again in 1 s"):
        await serve(mcp, "tools/list", {}, Recorder("ada"))
    clock.now += 1
    await serve(mcp, "tools/list", {}, Recorder("ada"))


@pytest.mark.fastmcp("M-24", status="safer")
async def test_getting_acquainted_is_not_counted() -> None:
    mcp = adding(RateLimitingMiddleware(max_requests_per_second=1, burst_capacity=1, now=Clock()))

    for method in ("server/discover", "ping", "initialize", "ping"):
        await serve(mcp, method, {}, Recorder("ada"))
    await serve(mcp, "tools/call", CALL, Recorder("ada"))


@pytest.mark.fastmcp("M-24")
async def test_one_limit_for_all_counts_all_together() -> None:
    mcp = adding(RateLimitingMiddleware(max_requests_per_second=1, burst_capacity=1, global_limit=True, now=Clock()))

    await serve(mcp, "tools/call", CALL, Recorder("ada"))
    with pytest.raises(RateLimitError):
        await serve(mcp, "tools/call", CALL, Recorder("ben"))


@pytest.mark.fastmcp("M-24")
async def test_callers_may_be_told_apart_by_something_else() -> None:
    async def by_method(context: Any) -> str:
        return str(context.method)

    limit = RateLimitingMiddleware(max_requests_per_second=1, burst_capacity=1, get_client_id=by_method, now=Clock())
    mcp = adding(limit)

    await serve(mcp, "tools/call", CALL, Recorder("ada"))
    await serve(mcp, "tools/list", {}, Recorder("ada"))
    with pytest.raises(RateLimitError):
        await serve(mcp, "tools/list", {}, Recorder("ben"))


@pytest.mark.fastmcp("M-24", status="safer")
async def test_the_table_of_callers_does_not_grow_without_end() -> None:
    limit = RateLimitingMiddleware(max_requests_per_second=1, most_callers=3, now=Clock())
    mcp = adding(limit)

    for number in range(10):
        await serve(mcp, "tools/call", CALL, Recorder(f"caller {number}"))

    assert len(limit._limiters) == 3


async def test_the_limiters_by_themselves() -> None:
    clock = Clock()
    bucket = TokenBucketRateLimiter(capacity=1, refill_rate=2, now=clock)
    window = SlidingWindowRateLimiter(max_requests=1, window_seconds=1, now=clock)

    assert [await bucket.consume(), await bucket.consume()] == [True, False]
    assert [await window.is_allowed(), await window.is_allowed()] == [True, False]
    assert bucket.take() == 0.5


@pytest.mark.parametrize(
    "options", [{"max_requests_per_second": 0}, {"max_requests_per_second": 1, "algorithm": "leaky_bucket"}]
)
def test_a_limit_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"max_requests_per_second|algorithm"):
        RateLimitingMiddleware(**options)


class Flaky:
    """Fails with `error` so many times."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times = times
        self.error = error
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return "at last"


@pytest.mark.fastmcp("M-26", status="safer")
async def test_a_tool_is_tried_again() -> None:
    flaky = Flaky(2, ConnectionError("gone"))
    mcp = FastMCP(middleware=[RetryMiddleware(max_retries=3, base_delay=0)])
    mcp.tool(flaky, name="flaky")

    async with Client(mcp) as client:
        assert (await client.call_tool("flaky")).content[0].text == "at last"
    assert flaky.calls == 3


@pytest.mark.fastmcp("M-26")
async def test_retries_end_and_other_errors_are_not_retried() -> None:
    gone, wrong = Flaky(9, TimeoutError("slow")), Flaky(9, ValueError("wrong"))
    mcp = FastMCP(middleware=[RetryMiddleware(max_retries=2, base_delay=0)])
    mcp.tool(gone, name="gone")
    mcp.tool(wrong, name="wrong")

    async with Client(mcp) as client:
        with pytest.raises(ToolError, match="slow"):
            await client.call_tool("gone")
        with pytest.raises(ToolError, match="wrong"):
            await client.call_tool("wrong")
    assert (gone.calls, wrong.calls) == (3, 1)


@pytest.mark.fastmcp("M-26", status="document")
async def test_the_documents_error_handling_retries_too() -> None:
    flaky = Flaky(3, ConnectionError("gone"))
    mcp = FastMCP(middleware=[ErrorHandlingMiddleware(max_retries=3, backoff_factor=2.0, base_delay=0)])
    mcp.tool(flaky, name="flaky")

    async with Client(mcp) as client:
        assert (await client.call_tool("flaky")).content[0].text == "at last"


def test_delays_grow_and_are_bounded() -> None:
    retry = RetryMiddleware(base_delay=1, max_delay=5, backoff_multiplier=2)

    for attempt, most in enumerate((1, 2, 4, 5, 5)):
        assert most / 2 <= retry._delay(attempt) <= most


@pytest.mark.fastmcp("M-26")
@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ValueError("bad"), -32602, "Invalid params: bad"),
        (KeyError("lost"), -32001, "Resource not found: 'lost'"),
        (PermissionError("no"), -32000, "Permission denied: no"),
        (TimeoutError("slow"), -32000, "Request timeout: slow"),
        (RuntimeError("odd"), -32603, "Internal error: odd"),
    ],
)
async def test_errors_get_the_code_of_their_kind(error: Exception, code: int, text: str) -> None:
    handling = ErrorHandlingMiddleware()
    mcp = FastMCP(middleware=[handling])
    mcp.resource("data://x", name="x")(Flaky(9, error).__call__)
    mcp.tool(Flaky(9, error).__call__, name="x")

    with pytest.raises(McpError) as raised:
        await serve(mcp, "resources/read", {"uri": "data://x"}, Recorder())
    result: Any = await serve(mcp, "tools/call", {"name": "x"}, Recorder())

    assert (raised.value.code, raised.value.message) == (code, text)
    assert result == {"content": [{"type": "text", "text": f"Error calling tool 'x': {text}"}], "isError": True}
    kind = type(error).__name__
    assert handling.get_error_stats() == {f"{kind}:resources/read": 1, f"{kind}:tools/call": 1}


@pytest.mark.fastmcp("M-26", "S-04", status="safer")
async def test_error_handling_does_not_get_around_the_mask() -> None:
    mcp = FastMCP(middleware=[ErrorHandlingMiddleware()], mask_error_details=True)
    mcp.resource("data://x", name="x")(Flaky(9, RuntimeError("password=1")).__call__)
    mcp.tool(Flaky(9, RuntimeError("password=1")).__call__, name="x")
    hidden = FastMCP(mask_error_details=True)
    hidden.tool(Flaky(9, RuntimeError("password=1")).__call__, name="x")
    outer = FastMCP(middleware=[ErrorHandlingMiddleware()])
    outer.mount(hidden)

    with pytest.raises(McpError, match=r"^Internal error$"):
        await serve(mcp, "resources/read", {"uri": "data://x"}, Recorder())
    for server in (mcp, outer):
        result: Any = await serve(server, "tools/call", {"name": "x"}, Recorder())
        assert result["content"][0]["text"] == "Error calling tool 'x': Internal error"


@pytest.mark.fastmcp("M-26")
async def test_what_authors_say_themselves_is_not_changed() -> None:
    seen: list[tuple[str, str | None]] = []

    async def note(error: Exception, context: Any) -> None:
        seen.append((str(error), context.method))
        raise RuntimeError("the callback fails as well")

    mcp = FastMCP(middleware=[ErrorHandlingMiddleware(error_callback=note, include_traceback=True)])
    mcp.tool(Flaky(9, ToolError("Ask again.")).__call__, name="x")

    async with Client(mcp) as client:
        with pytest.raises(ToolError, match=r"^Ask again\.$"):
            await client.call_tool("x")
    assert seen == [("Ask again.", "tools/call")]


@pytest.mark.fastmcp("M-26")
async def test_errors_may_be_left_as_they_are() -> None:
    mcp = FastMCP(middleware=[ErrorHandlingMiddleware(transform_errors=False)])
    mcp.tool(Flaky(9, ValueError("bad")).__call__, name="x")

    result: Any = await serve(mcp, "tools/call", {"name": "x"}, Recorder())

    assert result["content"][0]["text"] == "Error calling tool 'x': bad"


async def test_a_long_answer_is_cut() -> None:
    mcp = FastMCP(middleware=[ResponseLimitingMiddleware(max_size=500, truncation_suffix="…cut")])

    @mcp.tool(output_schema=None)
    def long() -> str:
        return "é" * 1000

    async with Client(mcp) as client:
        text = (await client.call_tool("long")).content[0].text
    assert text.endswith("é…cut")
    assert len(text.encode()) <= 500


async def test_a_long_answer_with_a_promised_structure_is_an_error() -> None:
    mcp = FastMCP(middleware=[ResponseLimitingMiddleware(max_size=100)])

    @mcp.tool
    def long() -> dict[str, str]:
        return {"x": "y" * 200}

    @mcp.tool
    def short() -> str:
        return "y"

    async with Client(mcp) as client:
        assert (await client.call_tool("short")).data == "y"
        with pytest.raises(ToolError, match=r"Tool 'long' answered 4.. bytes; this server sends at most 100"):
            await client.call_tool("long")


async def test_only_the_tools_named_are_limited() -> None:
    mcp = FastMCP(middleware=[ResponseLimitingMiddleware(max_size=10, tools=["other"])])
    mcp.tool(lambda: "x" * 100, name="long")

    async with Client(mcp) as client:
        assert len((await client.call_tool("long")).content[0].text) == 100
    with pytest.raises(ValueError, match="max_size"):
        ResponseLimitingMiddleware(max_size=0)


@pytest.mark.fastmcp("M-27")
async def test_injected_tools_are_listed_and_called() -> None:
    def shout(text: str, ctx: Context) -> str:
        return f"{text.upper()} from {ctx.fastmcp.name}"

    mcp = adding(ToolInjectionMiddleware([Tool.from_function(shout)]))

    async with Client(mcp) as client:
        assert [tool.name for tool in await client.list_tools()] == ["shout", "add"]
        assert (await client.call_tool("shout", {"text": "hi"})).content[0].text == "HI from adding"
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


@pytest.mark.fastmcp("M-27", "K-02")
async def test_injected_tools_of_a_mounted_server_answer_through_its_parent() -> None:
    child, main = adding(ToolInjectionMiddleware([Tool.from_function(lambda: "hi", name="greet")])), FastMCP("Main")
    main.mount(child, prefix="c")

    async with Client(main) as client:
        assert [tool.name for tool in await client.list_tools()] == ["c_greet", "c_add"]
        assert (await client.call_tool("c_greet")).content[0].text == "hi"


@pytest.mark.fastmcp("M-27")
async def test_prompts_and_resources_are_offered_as_tools() -> None:
    mcp = adding(PromptToolMiddleware(), ResourceToolMiddleware())

    @mcp.prompt
    def ask(topic: str) -> str:
        return f"Tell me about {topic}."

    @mcp.resource("data://one")
    def one() -> str:
        return "1"

    async with Client(mcp) as client:
        names = {tool.name for tool in await client.list_tools()}
        assert names == {"list_prompts", "get_prompt", "list_resources", "read_resource", "add"}
        assert (await client.call_tool("list_prompts")).structured_content["result"][0]["name"] == "ask"
        prompt = await client.call_tool("get_prompt", {"name": "ask", "arguments": {"topic": "cats"}})
        assert prompt.structured_content["messages"][0]["content"]["text"] == "Tell me about cats."
        assert (await client.call_tool("list_resources")).structured_content["result"][0]["uri"] == "data://one"
        read = await client.call_tool("read_resource", {"uri": "data://one"})
        assert read.structured_content["result"] == [{"uri": "data://one", "mimeType": "text/plain", "text": "1"}]


async def test_ping_middleware_is_accepted_and_has_no_hooks() -> None:
    mcp = adding(PingMiddleware(interval_ms=1000))

    assert not mcp.intercepts("tools/call")
    with pytest.raises(ValueError, match="interval_ms"):
        PingMiddleware(0)


async def test_auth_middleware_hides_what_the_check_refuses() -> None:
    mcp = adding(AuthMiddleware(auth=require_scopes("admin")))

    @mcp.resource("data://{x}")
    def any_of(x: str) -> str:
        return x

    reader, admin = Recorder("ben"), Recorder("ada", scopes=("admin",))
    assert (await serve(mcp, "tools/list", {}, reader)) == {"tools": []}
    for method, params in (
        ("tools/call", CALL),
        ("resources/read", {"uri": "data://1"}),
        ("prompts/get", {"name": "x"}),
    ):
        with pytest.raises(McpError, match="on this server"):
            await serve(mcp, method, params, reader)
    result: Any = await serve(mcp, "tools/call", CALL, admin)
    assert result["structuredContent"] == {"result": 3}
    assert await serve(mcp, "resources/read", {"uri": "data://1"}, admin)
