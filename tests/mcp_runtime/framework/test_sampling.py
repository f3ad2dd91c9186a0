"""ctx.sample: tools, typed answers, the server's own model (FASTMCP C-08, PROTOCOL SA-01, SA-02)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.serving import serve
from mcp_runtime.framework.types import (
    CreateMessageResult,
    ModelPreferences,
    SamplingMessage,
    TextContent,
    ToolResultContent,
    ToolUseContent,
)
from mcp_runtime.ports.workers import Caller


class Weather(BaseModel):
    city: str
    degrees: int


class Model:
    """A client's model that gives the answers it was told to, and remembers what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[list[SamplingMessage], Any]] = []

    async def __call__(self, messages: list[SamplingMessage], params: Any, context: Any) -> Any:
        self.asked.append((messages, params))
        return self.answers.pop(0)


def use(name: str, **arguments: Any) -> CreateMessageResult:
    block = ToolUseContent(id=f"{name}-1", name=name, input=arguments)
    return CreateMessageResult(content=[block], model="m", stop_reason="toolUse")


async def sampled(model: Model, **options: Any) -> Any:
    """What `ctx.sample("Well?", **options)` gives with this model at the client."""
    mcp, given = FastMCP(), []

    @mcp.tool
    async def think(ctx: Context) -> None:
        given.append(await ctx.sample("Well?", **options))

    async with Client(mcp, sampling_handler=model) as client:
        await client.call_tool("think")
    return given[0]


@pytest.mark.fastmcp("C-08")
@pytest.mark.protocol("SA-02")
async def test_the_model_may_call_functions_on_its_way() -> None:
    def double(number: int) -> int:
        """Twice the number."""
        return number * 2

    model = Model(use("double", number=21), "It is 42.")

    result = await sampled(model, tools=[double])

    assert (result.text, result.result) == ("It is 42.", "It is 42.")
    offered = model.asked[0][1].tools[0]
    assert (offered["name"], offered["description"]) == ("double", "Twice the number.")
    answer = model.asked[1][0][-1].content[0]
    assert isinstance(answer, ToolResultContent)
    assert (answer.tool_use_id, answer.content[0].text) == ("double-1", "42")
    assert [turn.role for turn in result.history] == ["user", "assistant", "user", "assistant"]


@pytest.mark.fastmcp("C-08")
async def test_a_function_that_fails_tells_the_model_so() -> None:
    def broken() -> None:
        raise ToolError("No luck")

    model = Model(use("broken"), use("absent"), "Then not.")

    result = await sampled(model, tools=[broken])

    first, second = model.asked[1][0][-1].content[0], model.asked[2][0][-1].content[0]
    assert (first.is_error, first.content[0].text) == (True, "No luck")
    assert second.is_error is True
    assert "no tool 'absent'" in second.content[0].text
    assert result.text == "Then not."


@pytest.mark.fastmcp("C-08")
async def test_a_typed_answer_is_a_value_of_the_type() -> None:
    model = Model(use("final_response", city="Oslo", degrees="cold"), use("final_response", city="Oslo", degrees=3))

    result = await sampled(model, result_type=Weather)

    assert result.result == Weather(city="Oslo", degrees=3)
    assert model.asked[0][1].tool_choice == {"mode": "required"}
    assert "does not fit" in model.asked[1][0][-1].content[0].content[0].text


@pytest.mark.fastmcp("C-08")
@pytest.mark.parametrize(("answer", "value"), [(use("final_response", value=[1, 2]), [1, 2]), ("[3]", [3])])
async def test_a_typed_answer_may_be_no_object_and_may_come_as_text(answer: Any, value: Any) -> None:
    assert (await sampled(Model(answer), result_type=list[int])).result == value


@pytest.mark.fastmcp("C-08")
async def test_a_text_that_is_not_of_the_type_is_an_error() -> None:
    with pytest.raises(ToolError, match="that is no Weather"):
        await sampled(Model("Rainy."), result_type=Weather)


@pytest.mark.fastmcp("C-08")
@pytest.mark.protocol("SA-02")
async def test_a_model_that_never_stops_calling_tools_is_given_up() -> None:
    with pytest.raises(ToolError, match="called tools 100 times"):
        await sampled(Model(*[use("again")] * 100), tools=[again])


def again() -> None:
    """Nothing."""


@pytest.mark.protocol("SA-01")
@pytest.mark.fastmcp("C-08")
async def test_conversations_and_preferences_are_passed_on() -> None:
    mcp = FastMCP()

    @mcp.tool
    async def think(ctx: Context) -> None:
        turns: list[Any] = ["Hello", SamplingMessage(role="assistant", content=TextContent(text="Yes?"))]
        await ctx.sample(turns, model_preferences=ModelPreferences(speed_priority=0.5), max_tokens=7)

    model = Model("ok")
    async with Client(mcp, sampling_handler=model) as client:
        await client.call_tool("think")
    messages, params = model.asked[0]
    assert [(turn.role, turn.content.text) for turn in messages] == [("user", "Hello"), ("assistant", "Yes?")]
    assert (params.max_tokens, params.model_preferences) == (7, {"speedPriority": 0.5})


@pytest.mark.fastmcp("C-15")
async def test_a_step_is_one_round() -> None:
    mcp, steps = FastMCP(), []

    @mcp.tool
    async def think(ctx: Context) -> None:
        steps.append(await ctx.sample_step("Go", tools=[again], execute_tools=False))
        steps.append(await ctx.sample_step("Go", tools=[again]))

    async with Client(mcp, sampling_handler=Model(use("again"), use("again"))) as client:
        await client.call_tool("think")
    assert [step.is_tool_use for step in steps] == [True, True]
    assert [call.name for call in steps[0].tool_calls] == ["again"]
    assert [len(step.history) for step in steps] == [2, 3]


@pytest.mark.fastmcp("C-08", "CL-18")
async def test_a_client_without_tools_for_its_model_is_not_asked_for_them() -> None:
    mcp = FastMCP()

    @mcp.tool
    async def think(ctx: Context) -> None:
        await ctx.sample("Go", tools=[again])

    async with Client(mcp, sampling_handler=Model(), sampling_capabilities={}) as client:
        with pytest.raises(ToolError, match=r"did not declare the capability 'sampling\.tools'"):
            await client.call_tool("think")


@pytest.mark.fastmcp("C-08", "S-11")
@pytest.mark.parametrize(
    ("behaviour", "client", "answer"),
    [
        (None, None, "server's"),
        ("fallback", "client's", "client's"),
        ("always", "client's", "server's"),
    ],
)
async def test_the_server_may_have_a_model_of_its_own(behaviour: Any, client: str | None, answer: str) -> None:
    mcp = FastMCP(sampling_handler=lambda *_: "server's", sampling_handler_behavior=behaviour)

    @mcp.tool
    async def think(ctx: Context) -> str | None:
        return (await ctx.sample("Well?")).text

    handler = None if client is None else lambda *_: client
    async with Client(mcp, sampling_handler=handler) as connected:
        assert await connected.call_tool("think") == answer


class Quiet:
    """A client that is asked and never answers."""

    caller = Caller("r1", "", "", client_capabilities={"sampling": {}})
    request_id = "r1"

    def log(self, level: str, logger: str | None, data: object) -> None:
        """Nobody listens."""

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        """Nobody listens."""

    async def ask(self, method: str, params: dict[str, object]) -> dict[str, object]:
        await asyncio.Event().wait()
        return {}


@pytest.mark.fastmcp("C-08")
async def test_a_client_that_never_answers_is_waited_for_no_longer_than_said() -> None:
    mcp = FastMCP(mask_error_details=True)

    @mcp.tool
    async def think(ctx: Context) -> None:
        await ctx.sample("Anybody?", timeout=0.01)

    answer: Any = await serve(mcp, "tools/call", {"name": "think"}, Quiet())

    assert answer["isError"] is True
    assert answer["content"][0]["text"] == "The client did not answer sampling/createMessage within 0.01 s."


@pytest.mark.fastmcp("C-08")
@pytest.mark.parametrize("content", [None, {"role": "assistant"}, {"content": {"type": "text"}, "model": "m"}])
async def test_an_answer_that_is_no_message_is_an_error(content: Any) -> None:
    class Odd(Quiet):
        async def ask(self, method: str, params: dict[str, object]) -> dict[str, object]:
            return {} if content is None else content

    mcp = FastMCP()

    @mcp.tool
    async def think(ctx: Context) -> None:
        await ctx.sample("Well?")

    answer: Any = await serve(mcp, "tools/call", {"name": "think"}, Odd())

    assert answer["isError"] is True
    assert "is not a message" in answer["content"][0]["text"]
