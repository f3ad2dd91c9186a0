"""Middleware hooks: which run, in which order, and what goes wrong (FASTMCP M-01 to M-13)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.components import Tool, ToolResult
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.middleware import CallNext, Middleware, MiddlewareContext
from mcp_runtime.framework.middleware.caching import ResponseCachingMiddleware
from mcp_runtime.framework.middleware.tool_injection import ToolInjectionMiddleware
from mcp_runtime.framework.serving import describe, serve
from mcp_runtime.framework.types import (
    ElicitRequest,
    ElicitResult,
    GetPromptResult,
    InputRequiredResult,
    PromptMessage,
    TextContent,
)
from mcp_runtime.framework.types.requests import CallToolRequestParams, InitializeRequest, ListToolsRequest
from mcp_runtime.protocol.errors import McpError
from tests.mcp_runtime.framework.exchanges import Recorder

Next = CallNext[Any, Any]
Seen = MiddlewareContext[Any]


class Diary(Middleware):
    """Writes down each hook that runs."""

    def __init__(self, name: str = "", pages: list[str] | None = None) -> None:
        self.name = name
        self.pages = [] if pages is None else pages


def _diarist(hook: str) -> Callable[..., Any]:
    async def write(self: Diary, context: Seen, call_next: Next) -> Any:
        self.pages.append(f"{self.name}{hook}")
        result = await call_next(context)
        self.pages.append(f"{self.name}/{hook}")
        return result

    return write


for _hook in (
    "on_message",
    "on_request",
    "on_notification",
    "on_initialize",
    "on_call_tool",
    "on_read_resource",
    "on_get_prompt",
    "on_list_tools",
    "on_list_resources",
    "on_list_resource_templates",
    "on_list_prompts",
):
    setattr(Diary, _hook, _diarist(_hook))


def offering() -> FastMCP:
    """A server with one component of each kind."""
    mcp = FastMCP("offering")

    @mcp.tool
    def add(a: int, b: int) -> int:
        return a + b

    @mcp.resource("data://one")
    def one() -> str:
        return "1"

    @mcp.resource("data://{name}/x")
    def named(name: str) -> str:
        return name

    @mcp.prompt
    def ask(topic: str) -> str:
        return f"Tell me about {topic}."

    return mcp


@pytest.mark.fastmcp("M-01", "M-02", "M-03", "M-05")
async def test_the_hooks_of_a_call_run_from_the_general_to_the_special() -> None:
    mcp = offering()
    diary = Diary()
    mcp.add_middleware(diary)

    await serve(mcp, "tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}, Recorder())

    hooks = ["on_message", "on_request", "on_call_tool"]
    assert diary.pages == hooks + [f"/{hook}" for hook in reversed(hooks)]


@pytest.mark.fastmcp("M-06", "M-07", "M-08", "M-09", "M-10", "M-11")
@pytest.mark.parametrize(
    ("method", "params", "hook"),
    [
        ("resources/read", {"uri": "data://one"}, "on_read_resource"),
        ("prompts/get", {"name": "ask", "arguments": {"topic": "x"}}, "on_get_prompt"),
        ("tools/list", {}, "on_list_tools"),
        ("resources/list", {}, "on_list_resources"),
        ("prompts/list", {}, "on_list_prompts"),
        ("resources/templates/list", {}, "on_list_resource_templates"),
    ],
)
async def test_every_operation_has_a_hook_of_its_own(method: str, params: dict[str, Any], hook: str) -> None:
    mcp = offering()
    diary = Diary()
    mcp.add_middleware(diary)

    answer = await serve(mcp, method, params, Recorder())

    assert answer
    assert diary.pages[:3] == ["on_message", "on_request", hook]


@pytest.mark.fastmcp("M-04", status="later")
async def test_notifications_of_clients_reach_their_hook() -> None:
    mcp = offering()
    diary = Diary()
    mcp.add_middleware(diary)

    answer = await serve(mcp, "notifications/roots/list_changed", {}, Recorder())

    assert answer is None
    assert diary.pages == ["on_message", "on_notification", "/on_notification", "/on_message"]


@pytest.mark.fastmcp("M-12")
async def test_the_handshake_of_older_clients_reaches_its_hook() -> None:
    mcp = offering()
    seen: list[Any] = []

    class Greeter(Middleware):
        async def on_initialize(self, context: Seen, call_next: Next) -> Any:
            seen.append(context.message)
            result = await call_next(context)
            seen.append(result.server_info.name)
            return result

    mcp.add_middleware(Greeter())

    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}
    answer: Any = await serve(mcp, "initialize", params, Recorder())

    assert isinstance(seen[0], InitializeRequest)
    assert seen[0].params.client_info is not None
    assert (seen[0].params.client_info.name, seen[1]) == ("old", "offering")
    assert (answer["protocolVersion"], answer["serverInfo"]["name"]) == ("2025-06-18", "offering")


@pytest.mark.fastmcp("M-12")
async def test_middleware_may_refuse_a_handshake() -> None:
    mcp = offering()

    class Doorman(Middleware):
        async def on_initialize(self, context: Seen, call_next: Next) -> Any:
            raise McpError("Not you.", code=-32000)

    mcp.add_middleware(Doorman())

    with pytest.raises(McpError, match="Not you") as refusal:
        await serve(mcp, "initialize", {}, Recorder())
    assert refusal.value.code == -32000


@pytest.mark.fastmcp("M-13")
async def test_the_middleware_added_first_is_outermost() -> None:
    mcp = offering()
    pages: list[str] = []
    mcp.add_middleware(Diary("a.", pages))
    mcp.add_middleware(Diary("b.", pages))

    await serve(mcp, "ping", {}, Recorder())

    assert pages == [
        "a.on_message",
        "a.on_request",
        "b.on_message",
        "b.on_request",
        "b./on_request",
        "b./on_message",
        "a./on_request",
        "a./on_message",
    ]


@pytest.mark.fastmcp("M-13")
async def test_middleware_given_to_the_constructor_runs_too() -> None:
    diary = Diary()
    mcp = FastMCP(middleware=[diary])

    await serve(mcp, "ping", {}, Recorder())

    assert diary.pages[0] == "on_message"
    assert mcp.middleware == [diary]


@pytest.mark.fastmcp("M-01")
async def test_the_context_tells_what_is_asked_and_cannot_be_changed() -> None:
    mcp = offering()
    seen: list[Seen] = []

    class Look(Middleware):
        async def on_request(self, context: Seen, call_next: Next) -> Any:
            seen.append(context)
            return await call_next(context)

    mcp.add_middleware(Look())
    await serve(mcp, "tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}, Recorder())
    await serve(mcp, "tools/list", {}, Recorder())

    call, listing = seen
    assert call.message == CallToolRequestParams(name="add", arguments={"a": 1, "b": 2})
    assert (call.method, call.type, call.source) == ("tools/call", "request", "client")
    assert isinstance(call.fastmcp_context, Context)
    assert call.timestamp.tzinfo is not None
    assert isinstance(listing.message, ListToolsRequest)
    with pytest.raises(dataclasses.FrozenInstanceError):
        call.method = "ping"  # type: ignore[misc]  # that is the point
    assert call.copy(method="ping").method == "ping"


@pytest.mark.fastmcp("M-01")
async def test_middleware_may_change_the_arguments_on_their_way() -> None:
    mcp = offering()

    class Double(Middleware):
        async def on_call_tool(self, context: Seen, call_next: Next) -> Any:
            message = CallToolRequestParams(name=context.message.name, arguments={"a": 10, "b": 20})
            return await call_next(context.copy(message=message))

    mcp.add_middleware(Double())

    async with Client(mcp) as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 30


@pytest.mark.fastmcp("M-01")
async def test_call_next_is_passed_by_its_name() -> None:
    mcp = offering()

    class Named(Middleware):
        async def on_call_tool(self, context: Seen, **rest: Any) -> Any:  # type: ignore[override]  # that is the point
            return await rest["call_next"](context)

    mcp.add_middleware(Named())

    async with Client(mcp) as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


@pytest.mark.fastmcp("M-05")
async def test_middleware_may_answer_a_call_itself() -> None:
    mcp = offering()

    class Answer(Middleware):
        async def on_call_tool(self, context: Seen, call_next: Next) -> Any:
            return ToolResult("42")

    mcp.add_middleware(Answer())

    async with Client(mcp) as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).content == [TextContent(text="42")]


@pytest.mark.fastmcp("M-05")
async def test_middleware_refuses_a_call_with_a_tool_error() -> None:
    mcp = FastMCP(mask_error_details=True)

    @mcp.tool
    def secret() -> str:
        return "x"

    class Refuse(Middleware):
        async def on_call_tool(self, context: Seen, call_next: Next) -> Any:
            raise ToolError("Not on Sundays.")

    mcp.add_middleware(Refuse())

    async with Client(mcp) as client:
        with pytest.raises(ToolError, match=r"^Not on Sundays\.$"):
            await client.call_tool("secret")


@pytest.mark.fastmcp("M-07")
async def test_middleware_may_add_to_a_prompt() -> None:
    mcp = offering()

    class Polite(Middleware):
        async def on_get_prompt(self, context: Seen, call_next: Next) -> Any:
            result = await call_next(context)
            assert isinstance(result, GetPromptResult)
            result.messages.append(PromptMessage(role="user", content=TextContent(text="Please.")))
            return result

    mcp.add_middleware(Polite())

    async with Client(mcp) as client:
        result = await client.get_prompt("ask", {"topic": "cats"})
    assert [message.content.text for message in result.messages] == ["Tell me about cats.", "Please."]


@pytest.mark.fastmcp("M-06")
async def test_middleware_sees_and_changes_contents() -> None:
    mcp = offering()

    class Shout(Middleware):
        async def on_read_resource(self, context: Seen, call_next: Next) -> Any:
            contents = await call_next(context)
            for part in contents:
                part.content = f"{part.content}! at {context.message.uri}"
            return contents

    mcp.add_middleware(Shout())

    async with Client(mcp) as client:
        assert (await client.read_resource("data://one"))[0].text == "1! at data://one"


@pytest.mark.fastmcp("M-08")
async def test_middleware_may_hide_tools_and_the_others_see_them_again() -> None:
    mcp = offering()
    hiding = [True]

    class Hide(Middleware):
        async def on_list_tools(self, context: Seen, call_next: Next) -> Any:
            tools = await call_next(context)
            assert all(isinstance(tool, Tool) for tool in tools)
            if hiding[0]:
                tools.clear()
            return tools

    mcp.add_middleware(Hide())

    async with Client(mcp) as client:
        assert await client.list_tools() == []
        hiding[0] = False
        assert [tool.name for tool in await client.list_tools()] == ["add"]


@pytest.mark.fastmcp("M-08", "C-04", "C-05")
async def test_a_tools_own_look_at_the_server_goes_through_the_middleware() -> None:
    mcp = offering()
    diary = Diary()
    mcp.add_middleware(diary)

    @mcp.tool
    async def look(ctx: Context) -> str:
        contents = await ctx.read_resource("data://one")
        return str(contents[0].content)

    async with Client(mcp) as client:
        assert (await client.call_tool("look")).data == "1"
    assert diary.pages.count("on_read_resource") == 1


class Forgetful(Middleware):
    async def on_call_tool(self, context: Seen, call_next: Next) -> Any:
        """Does nothing at all."""


class Silent(Middleware):
    async def on_call_tool(self, context: Seen, call_next: Next) -> Any:
        await call_next(context)


class Wrong(Middleware):
    async def on_call_tool(self, context: Seen, call_next: Next) -> Any:
        await call_next(context)
        return "3"


class Unawaited(Middleware):
    async def on_call_tool(self, context: Seen, call_next: Next) -> Any:
        return call_next(context)


class Synchronous(Middleware):
    def on_call_tool(self, context: Seen, call_next: Next) -> Any:
        return None


class Message(Middleware):
    async def on_call_tool(self, context: Seen, call_next: Next) -> Any:
        return await call_next(context.message)


class Raising(Middleware):
    async def on_call_tool(self, context: Seen, call_next: Next) -> Any:
        raise RuntimeError("no luck")


@pytest.mark.fastmcp("M-05", status="safer")
@pytest.mark.parametrize(
    ("middleware", "message"),
    [
        (
            Forgetful(),
            r"Forgetful.on_call_tool neither called call_next\(context\) nor returned a ToolResult of its own",
        ),
        (Silent(), r"Silent.on_call_tool returned nothing: return what `await call_next\(context\)` gave"),
        (Wrong(), "Wrong.on_call_tool returned a str where a ToolResult is expected"),
        (Unawaited(), r"Unawaited.on_call_tool returned call_next\(context\) without awaiting it"),
        (Synchronous(), "Synchronous.on_call_tool is not asynchronous"),
        (Message(), "Message.on_call_tool gave call_next a CallToolRequestParams: hand on the context itself"),
        (Raising(), "Error calling tool 'add': no luck"),
    ],
)
async def test_wrong_middleware_is_named_with_the_remedy(middleware: Middleware, message: str) -> None:
    mcp = offering()
    mcp.add_middleware(middleware)

    async with Client(mcp) as client:
        with pytest.raises(ToolError, match=message):
            await client.call_tool("add", {"a": 1, "b": 2})


@pytest.mark.fastmcp("M-08", status="safer")
async def test_a_list_hook_that_returns_names_is_told_what_a_list_holds() -> None:
    mcp = offering()

    class Names(Middleware):
        async def on_list_tools(self, context: Seen, call_next: Next) -> Any:
            return [tool.name for tool in await call_next(context)]

    mcp.add_middleware(Names())

    async with Client(mcp) as client:
        with pytest.raises(McpError, match="returned a list where a list of components is expected"):
            await client.list_tools()


@pytest.mark.fastmcp("S-04", "M-02", status="safer")
async def test_what_middleware_says_when_it_fails_is_masked() -> None:
    mcp = FastMCP(mask_error_details=True)

    class Broken(Middleware):
        async def on_message(self, context: Seen, call_next: Next) -> Any:
            if context.method == "server/discover":
                return await call_next(context)
            raise RuntimeError("password=123")

    mcp.add_middleware(Broken())

    async with Client(mcp) as client:
        with pytest.raises(McpError, match=r"^Error answering tools/list$"):
            await client.list_tools()
        with pytest.raises(ToolError, match=r"^Error calling tool 'x'$"):
            await client.call_tool("x")
        with pytest.raises(McpError, match=r"^Error rendering prompt 'x'$"):
            await client.get_prompt("x")


def test_a_class_in_place_of_middleware_is_refused() -> None:
    with pytest.raises(TypeError, match=r"add_middleware\(\) takes an object, not a class: write Diary\(\)"):
        FastMCP().add_middleware(Diary)


def test_what_is_no_middleware_is_refused() -> None:
    with pytest.raises(TypeError, match="write a subclass of Middleware"):
        FastMCP().add_middleware("timing")


async def test_middleware_that_overrides_the_whole_call_is_honoured() -> None:
    mcp = offering()
    pages: list[str] = []

    class Whole(Middleware):
        async def __call__(self, context: Seen, call_next: Next) -> Any:
            pages.append(str(context.method))
            return await super().__call__(context, call_next)

        async def on_call_tool(self, context: Seen, call_next: Next) -> Any:
            pages.append("on_call_tool")
            return await call_next(context)

    mcp.add_middleware(Whole())

    await serve(mcp, "tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}, Recorder())

    assert pages == ["tools/call", "on_call_tool"]


@pytest.mark.fastmcp("M-05", "M-07", status="later")
async def test_a_question_in_place_of_an_answer_passes_through_the_middleware() -> None:
    mcp = FastMCP(middleware=[Diary(), ResponseCachingMiddleware()])
    question = ElicitRequest(params={"mode": "form", "message": "Who?", "requestedSchema": {"type": "object"}})

    @mcp.prompt
    def greet(ctx: Context) -> Any:
        if ctx.input_responses is None:
            return InputRequiredResult(input_requests={"who": question})
        return f"Greet {ctx.input_responses['who'].content['name']}."

    @mcp.tool(annotations={"readOnlyHint": True})
    def hello(ctx: Context) -> Any:
        if ctx.input_responses is None:
            return InputRequiredResult(input_requests={"who": question})
        return f"Hello {ctx.input_responses['who'].content['name']}"

    async def answer(*_: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"name": "Ada"})

    async with Client(mcp, elicitation_handler=answer) as client:
        for _ in range(2):
            assert (await client.call_tool("hello")).content[0].text == "Hello Ada"
            assert (await client.get_prompt("greet")).messages[0].content.text == "Greet Ada."


@pytest.mark.fastmcp("M-08", status="safer")
async def test_what_middleware_changes_of_a_list_is_changed_for_that_request_alone() -> None:
    mcp = offering()

    class Describe(Middleware):
        async def on_list_tools(self, context: Seen, call_next: Next) -> Any:
            tools = await call_next(context)
            subject = context.fastmcp_context.exchange.caller.subject if context.fastmcp_context else ""
            if subject == "ada":
                for tool in tools:
                    tool.description = "For Ada."
                    tool.tags.add("ada")
                tools = [tool.model_copy(update={"title": "Plus"}) for tool in tools]
            return tools

    mcp.add_middleware(Describe())

    async def listed(subject: str) -> tuple[Any, Any]:
        answer: Any = await serve(mcp, "tools/list", {}, Recorder(subject))
        [tool] = msgspec.json.decode(msgspec.json.encode(answer["tools"]))
        return tool.get("title"), tool.get("description")

    assert await listed("ada") == ("Plus", "For Ada.")
    assert await listed("ben") == (None, None)
    assert mcp.get_tool("add").tags == set()


@pytest.mark.fastmcp("M-08", "M-27")
async def test_the_manifest_holds_what_middleware_adds_and_all_that_it_may_hide() -> None:
    mcp = offering()

    class Hide(Middleware):
        async def on_list_tools(self, context: Seen, call_next: Next) -> Any:
            return []

    mcp.add_middleware(ToolInjectionMiddleware([Tool.from_function(lambda: 1, name="injected")]))
    mcp.add_middleware(Hide())

    assert [tool["name"] for tool in (await describe(mcp)).tools] == ["add", "injected"]


async def test_middleware_that_fails_for_nobody_does_not_keep_a_server_from_being_described(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mcp = offering()

    class Strict(Middleware):
        async def on_list_tools(self, context: Seen, call_next: Next) -> Any:
            raise ToolError("Who are you?")

    mcp.add_middleware(Strict())

    assert [tool["name"] for tool in (await describe(mcp)).tools] == ["add"]
    assert "for nobody in particular" in caplog.text
