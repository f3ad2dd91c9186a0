"""The Context (FASTMCP C-01 to C-15, C-22)."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from mcp_runtime.client import Client
from mcp_runtime.client.handlers import LogMessage
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.asking.elicitation import AcceptedElicitation, CancelledElicitation, DeclinedElicitation
from mcp_runtime.framework.dependencies import (
    get_access_token,
    get_context,
    get_http_headers,
    get_http_request,
)
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.serving import serve
from mcp_runtime.framework.types import CreateMessageResult, ElicitResult, Root, TextContent
from mcp_runtime.ports.workers import Caller


class Silent:
    """An exchange that can do nothing but answer."""

    def __init__(self, **caller: Any) -> None:
        self.caller = Caller(**{"request_id": "r1", "subject": "", "client_id": "", **caller})
        self.request_id = self.caller.request_id
        self.sent: list[Any] = []

    def log(self, level: str, logger: str | None, data: object) -> None:
        self.sent.append((level, logger, data))

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.sent.append((progress, total, message))


async def inside(body: Any, exchange: Silent | None = None, params: Any = None) -> Any:
    """What `body(ctx)` gives when run as a tool."""
    mcp = FastMCP("inside")
    given: list[Any] = []

    @mcp.tool
    async def run(ctx: Context) -> None:
        given.append(await body(ctx))

    answer: Any = await serve(mcp, "tools/call", {"name": "run", **(params or {})}, exchange or Silent())
    assert "isError" not in answer, answer
    return given[0]


@pytest.mark.fastmcp("C-02", "CL-16")
async def test_log_messages_reach_the_clients_handler_in_order() -> None:
    mcp, seen = FastMCP(), []

    @mcp.tool
    async def talk(ctx: Context) -> None:
        await ctx.debug("a")
        await ctx.info("b", logger_name="mine", extra={"k": 1})
        await ctx.warning("c")
        await ctx.error("d")
        await ctx.log("e", level="critical")

    async def keep(message: LogMessage) -> None:
        seen.append((message.level, message.logger, message.data))

    async with Client(mcp, log_handler=keep) as client:
        await client.call_tool("talk")
    assert seen == [
        ("debug", None, {"msg": "a", "extra": None}),
        ("info", "mine", {"msg": "b", "extra": {"k": 1}}),
        ("warning", None, {"msg": "c", "extra": None}),
        ("error", None, {"msg": "d", "extra": None}),
        ("critical", None, {"msg": "e", "extra": None}),
    ]


@pytest.mark.fastmcp("C-02")
@pytest.mark.protocol("LG-01")
@pytest.mark.parametrize(("wanted", "sent"), [(None, []), ("warning", ["warning", "error"]), ("debug", None)])
async def test_only_wanted_levels_are_sent(wanted: str | None, sent: list[str] | None) -> None:
    exchange = Silent(log_level=wanted)

    async def body(ctx: Context) -> None:
        for level in ("debug", "info", "warning", "error"):
            await ctx.log("x", level=level)

    await inside(body, exchange)

    assert [entry[0] for entry in exchange.sent] == (["debug", "info", "warning", "error"] if sent is None else sent)


@pytest.mark.fastmcp("C-02")
async def test_an_unknown_level_is_refused() -> None:

    async def body(ctx: Context) -> str:
        with pytest.raises(ValueError, match="no log level 'loud'"):
            await ctx.log("x", level="loud")  # type: ignore[arg-type]
        return "refused"

    assert await inside(body) == "refused"


@pytest.mark.fastmcp("C-03", "CL-17")
async def test_progress_reaches_the_handler_of_the_call() -> None:
    mcp, seen = FastMCP(), []

    @mcp.tool
    async def work(ctx: Context) -> None:
        await ctx.report_progress(1, 2, "half")
        await ctx.report_progress(progress=2, total=2)

    async with Client(mcp) as client:
        await client.call_tool("work", progress_handler=lambda *step: seen.append(step))
    assert seen == [(1, 2, "half"), (2, 2, None)]


@pytest.mark.fastmcp("C-03")
async def test_progress_nobody_asked_for_is_not_sent() -> None:
    exchange = Silent(progress=False)

    await inside(lambda ctx: ctx.report_progress(1), exchange)

    assert exchange.sent == []


@pytest.mark.fastmcp("C-04", "C-05")
async def test_a_tool_reads_the_servers_resources() -> None:
    mcp = FastMCP()
    mcp.resource("data://x", name="x")(lambda: "hello")
    mcp.resource("data://hidden", name="h", enabled=False)(lambda: "no")

    @mcp.tool
    async def look(ctx: Context) -> list[Any]:
        contents = await ctx.read_resource("data://x")
        listed = await ctx.list_resources()
        return [contents[0].content, contents[0].mime_type, contents.contents[0].content, [str(r.uri) for r in listed]]

    async with Client(mcp) as client:
        assert await client.call_tool("look") == ["hello", "text/plain", "hello", ["data://x"]]


@pytest.mark.fastmcp("C-06", "C-07")
async def test_a_tool_renders_the_servers_prompts() -> None:
    mcp = FastMCP()

    @mcp.prompt
    def analyse(data: list[int]) -> str:
        return f"Sum {sum(data)}"

    @mcp.tool
    async def look(ctx: Context) -> list[Any]:
        result = await ctx.get_prompt("analyse", {"data": [1, 2, 3]})
        return [result.messages[0].content.text, [prompt.name for prompt in await ctx.list_prompts()]]

    async with Client(mcp) as client:
        assert await client.call_tool("look") == ["Sum 6", ["analyse"]]


@pytest.mark.fastmcp("C-10")
async def test_state_lives_as_long_as_the_request() -> None:
    mcp = FastMCP()

    @mcp.tool
    async def keep(ctx: Context) -> list[Any]:
        before = ctx.get_state("user")
        ctx.set_state("user", "Ada")
        await ctx.set_state("other", 1)
        return [before, ctx.get_state("user"), ctx.get_state("other")]

    async with Client(mcp) as client:
        assert await client.call_tool("keep") == [None, "Ada", 1]
        assert await client.call_tool("keep") == [None, "Ada", 1]


@pytest.mark.fastmcp("C-10")
async def test_state_is_copied_into_nested_contexts() -> None:
    mcp = FastMCP()

    @mcp.resource("data://x")
    def x(ctx: Context) -> str:
        seen = str(ctx.get_state("user"))
        ctx.set_state("user", "changed below")
        return seen

    @mcp.tool
    async def look(ctx: Context) -> list[Any]:
        ctx.set_state("user", "Ada")
        return [(await ctx.read_resource("data://x"))[0].content, ctx.get_state("user")]

    async with Client(mcp) as client:
        assert await client.call_tool("look") == ["Ada", "Ada"]


@pytest.mark.fastmcp("C-11", "C-12", "C-13", "C-14", "C-15")
async def test_the_context_knows_the_request_and_the_client() -> None:

    async def body(ctx: Context) -> Any:
        return [ctx.request_id, ctx.client_id, ctx.fastmcp.name, ctx.session_id == ctx.session_id]

    assert await inside(body, params={"_meta": {"client_id": "me"}}) == ["r1", "me", "inside", True]


@pytest.mark.fastmcp("C-01")
async def test_the_current_context_is_at_hand_without_a_parameter() -> None:

    async def body(ctx: Context) -> bool:
        return get_context() is ctx

    assert await inside(body) is True


@pytest.mark.fastmcp("C-01")
def test_there_is_no_context_outside_a_request() -> None:
    with pytest.raises(RuntimeError, match=r"No active context found\."):
        get_context()


@pytest.mark.fastmcp("C-22")
async def test_the_access_token_says_who_calls_and_holds_no_credential() -> None:

    async def body(ctx: Context) -> Any:
        return get_access_token()

    token = await inside(body, Silent(subject="usr_1", client_id="key_1", scopes=("mcp:call",)))
    assert (token.token, token.client_id, token.scopes, token.claims["sub"]) == ("", "key_1", ["mcp:call"], "usr_1")
    assert await inside(body) is None


@pytest.mark.fastmcp("C-20", "C-21")
def test_there_is_no_http_request_off_http() -> None:
    assert get_http_headers() == {}
    with pytest.raises(RuntimeError, match="No active HTTP request"):
        get_http_request()


@pytest.mark.fastmcp("C-08", "C-09")
async def test_asking_a_client_that_cannot_be_asked_says_so() -> None:
    mcp = FastMCP(mask_error_details=True)

    @mcp.tool
    async def ask(ctx: Context) -> None:
        await ctx.elicit("Name?")

    answer: Any = await serve(mcp, "tools/call", {"name": "ask"}, Silent())

    assert answer["isError"] is True
    assert "cannot carry questions to it" in answer["content"][0]["text"]


@pytest.mark.fastmcp("C-08", "CL-18")
async def test_sampling_asks_the_clients_model() -> None:
    mcp, seen = FastMCP(), []

    @mcp.tool
    async def think(ctx: Context) -> list[Any]:
        answer = await ctx.sample("Hello", system_prompt="Be brief", temperature=0.7, model_preferences="small")
        return [answer.text, answer.result, answer.model, len(answer.history)]

    async def handler(messages: Any, params: Any, context: Any) -> CreateMessageResult:
        seen.append((messages[0].content.text, params.systemPrompt, params.temperature, params.maxTokens))
        return CreateMessageResult(content=TextContent(text="Hi"), model="tiny")

    async with Client(mcp, sampling_handler=handler) as client:
        assert await client.call_tool("think") == ["Hi", "Hi", "tiny", 2]
    assert seen == [("Hello", "Be brief", 0.7, 512)]


class Size(enum.Enum):
    SMALL = "small"


class Person(BaseModel):
    name: str
    age: int = 1


@dataclass
class Pet:
    name: str


@pytest.mark.fastmcp("C-09")
@pytest.mark.parametrize(
    ("response_type", "content", "data"),
    [
        (str, {"value": "x"}, "x"),
        (int, {"value": 3}, 3),
        (bool, {"value": True}, True),
        (list[str], {"value": ["a"]}, ["a"]),
        (Literal["a", "b"], {"value": "b"}, "b"),
        (["low", "high"], {"value": "high"}, "high"),
        (Size, {"value": "small"}, Size.SMALL),
        (Person, {"name": "Ada"}, Person(name="Ada")),
        (Pet, {"name": "Rex"}, Pet("Rex")),
        (None, {}, {}),
    ],
    ids=str,
)
async def test_elicitation_gives_what_was_asked_for(response_type: Any, content: Any, data: Any) -> None:
    mcp, given = FastMCP(), []

    @mcp.tool
    async def ask(ctx: Context) -> None:
        given.append(await ctx.elicit("Well?", response_type=response_type))

    async with Client(mcp, elicitation_handler=lambda *_: ElicitResult(action="accept", content=content)) as client:
        await client.call_tool("ask")
    assert isinstance(given[0], AcceptedElicitation)
    assert given[0].data == data


@pytest.mark.fastmcp("C-09")
@pytest.mark.parametrize(("action", "kind"), [("decline", DeclinedElicitation), ("cancel", CancelledElicitation)])
async def test_elicitation_may_be_refused(action: str, kind: type) -> None:
    mcp, given = FastMCP(), []

    @mcp.tool
    async def ask(ctx: Context) -> None:
        given.append(await ctx.elicit("Well?"))

    async with Client(mcp, elicitation_handler=lambda *_: ElicitResult(action=action)) as client:
        await client.call_tool("ask")
    assert isinstance(given[0], kind)


@pytest.mark.fastmcp("C-09")
@pytest.mark.protocol("MR-05")
async def test_an_answer_that_does_not_fit_is_an_error() -> None:
    mcp = FastMCP()

    @mcp.tool
    async def ask(ctx: Context) -> None:
        await ctx.elicit("How many?", response_type=int)

    async with Client(mcp, elicitation_handler=lambda *_: {"value": "many"}) as client:
        with pytest.raises(ToolError, match="does not fit the question"):
            await client.call_tool("ask")


@pytest.mark.fastmcp("C-09")
@pytest.mark.protocol("EL-01")
async def test_a_form_holds_simple_fields_only() -> None:

    class Deep(BaseModel):
        inner: Person

    mcp = FastMCP()

    @mcp.tool
    async def ask(ctx: Context) -> None:
        await ctx.elicit("?", response_type=Deep)

    async with Client(mcp, elicitation_handler=lambda *_: {}) as client:
        with pytest.raises(ToolError, match="'inner' is not simple"):
            await client.call_tool("ask")


@pytest.mark.fastmcp("C-15", "CL-19")
async def test_roots_are_the_clients() -> None:
    mcp = FastMCP()

    @mcp.tool
    async def look(ctx: Context) -> list[str]:
        return [root.uri for root in await ctx.list_roots()]

    async with Client(mcp, roots=["file:///a", Root(uri="file:///b")]) as client:
        assert await client.call_tool("look") == ["file:///a", "file:///b"]
