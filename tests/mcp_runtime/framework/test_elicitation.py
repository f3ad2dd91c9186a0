"""ctx.elicit in every form, and questions that a component returns (FASTMCP C-09, PROTOCOL 2.7, EL-01, EL-02)."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

import pytest
from pydantic import BaseModel, Field

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.asking.elicitation import AcceptedElicitation, DeclinedElicitation
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.serving import serve
from mcp_runtime.framework.types import (
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ListRootsRequest,
)
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import InvalidParams, McpError


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Booking(BaseModel):
    guest: str = Field(min_length=1, description="Who comes")
    nights: Annotated[int, Field(ge=1, le=30)] = 2
    colour: Colour = Colour.RED
    note: str | None = None
    day: datetime.date | None = None


@dataclass
class Pet:
    name: str
    age: int | None = None


class Point(TypedDict):
    x: float
    y: float


async def asked(response_type: Any, answer: Any, **options: Any) -> tuple[Any, Any]:
    """The schema the client saw, and what the tool was given."""
    mcp, given, seen = FastMCP(), [], []

    @mcp.tool
    async def ask(ctx: Context) -> None:
        given.append(await ctx.elicit("Well?", response_type=response_type, **options))

    def handler(message: str, kind: Any, params: Any, context: Any) -> Any:
        seen.append(params.requested_schema)
        return answer

    async with Client(mcp, elicitation_handler=handler) as client:
        await client.call_tool("ask")
    return seen[0], given[0]


@pytest.mark.fastmcp("C-09")
@pytest.mark.protocol("EL-01")
@pytest.mark.parametrize(
    ("response_type", "field", "value", "data"),
    [
        (["low", "high"], {"type": "string", "enum": ["low", "high"]}, "low", "low"),
        (
            {"low": {"title": "Not soon"}, "high": {"title": "Now"}},
            {"type": "string", "oneOf": [{"const": "low", "title": "Not soon"}, {"const": "high", "title": "Now"}]},
            "high",
            "high",
        ),
        ([["a", "b"]], {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}, ["a", "b"], ["a", "b"]),
        (
            [{"a": {"title": "A!"}}],
            {"type": "array", "items": {"anyOf": [{"const": "a", "title": "A!"}]}},
            ["a"],
            ["a"],
        ),
        (Colour, {"type": "string", "enum": ["red", "blue"]}, "blue", Colour.BLUE),
        (
            list[Colour],
            {"type": "array", "items": {"type": "string", "enum": ["red", "blue"]}},
            ["red"],
            [Colour.RED],
        ),
        (Literal["only"], {"type": "string", "enum": ["only"]}, "only", "only"),
        (float, {"type": "number"}, 1.5, 1.5),
        (datetime.date, {"type": "string", "format": "date"}, "2026-01-02", datetime.date(2026, 1, 2)),
    ],
    ids=str,
)
async def test_a_single_value_is_asked_for_as_value(response_type: Any, field: Any, value: Any, data: Any) -> None:
    schema, given = await asked(response_type, {"value": value})

    assert schema == {"type": "object", "properties": {"value": field}, "required": ["value"]}
    assert given == AcceptedElicitation(data)


@pytest.mark.fastmcp("C-09")
@pytest.mark.protocol("EL-01")
async def test_a_model_is_a_form_of_simple_fields() -> None:
    schema, given = await asked(Booking, {"guest": "Ada", "nights": 3})

    assert schema == {
        "type": "object",
        "properties": {
            "guest": {"type": "string", "minLength": 1, "description": "Who comes"},
            "nights": {"type": "integer", "minimum": 1, "maximum": 30, "default": 2},
            "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
            "note": {"type": "string"},
            "day": {"type": "string", "format": "date"},
        },
        "required": ["guest"],
    }
    assert given.data == Booking(guest="Ada", nights=3)


@pytest.mark.fastmcp("C-09")
@pytest.mark.parametrize(
    ("kind", "content", "data"),
    [(Pet, {"name": "Rex"}, Pet("Rex")), (Point, {"x": 1, "y": 2.5}, {"x": 1.0, "y": 2.5})],
    ids=["dataclass", "TypedDict"],
)
async def test_other_flat_records_are_forms_too(kind: Any, content: Any, data: Any) -> None:
    _, given = await asked(kind, content)

    assert given.data == data


@pytest.mark.fastmcp("C-09", status="later")
async def test_a_single_value_can_have_a_title_and_a_description() -> None:
    schema, _ = await asked(int, {"value": 1}, response_title="Age", response_description="In years")

    assert schema["properties"]["value"] == {"type": "integer", "title": "Age", "description": "In years"}


@pytest.mark.fastmcp("C-09")
@pytest.mark.protocol("MR-05")
@pytest.mark.parametrize(
    ("response_type", "answer", "fault"),
    [
        (["low"], {"value": "high"}, "does not fit the question"),
        ([["a"]], {"value": ["b"]}, "does not fit the question"),
        (Booking, {"guest": "Ada", "nights": 99}, "nights: Input should be less than or equal to 30"),
        (Booking, {}, "guest: Field required"),
        (str, {}, "without giving a value"),
        (Colour, {"value": "green"}, "does not fit the question"),
    ],
    ids=str,
)
async def test_an_answer_that_does_not_fit_is_a_clear_error(response_type: Any, answer: Any, fault: str) -> None:
    with pytest.raises(ToolError, match=fault):
        await asked(response_type, ElicitResult(action="accept", content=answer))


@pytest.mark.fastmcp("C-09")
@pytest.mark.parametrize("response_type", [[], {}, [1], {"a": 1}, int | str, dict[str, str], list[Pet]], ids=str)
async def test_what_no_form_can_hold_is_refused(response_type: Any) -> None:
    with pytest.raises(ToolError, match=r"choice|simple|flat"):
        await asked(response_type, {})


@pytest.mark.fastmcp("C-09", "CL-19")
async def test_the_clients_handler_gets_a_class_for_the_form() -> None:
    mcp, given = FastMCP(), []

    @mcp.tool
    async def ask(ctx: Context) -> None:
        given.append(await ctx.elicit("Who?", response_type=Pet))

    async with Client(mcp, elicitation_handler=lambda message, kind, params, context: kind(name="Rex")) as client:
        await client.call_tool("ask")
    assert given == [AcceptedElicitation(Pet("Rex"))]


@pytest.mark.fastmcp("CL-19")
async def test_the_client_fills_in_the_forms_defaults() -> None:
    _, given = await asked(Booking, ElicitResult(action="accept", content={"guest": "Ada"}))

    assert (given.data.nights, given.data.colour) == (2, Colour.RED)


@pytest.mark.fastmcp("C-09")
@pytest.mark.protocol("EL-02")
async def test_a_person_can_be_sent_to_a_page() -> None:
    mcp, given, seen = FastMCP(), [], []

    @mcp.tool
    async def pay(ctx: Context) -> None:
        given.append(await ctx.elicit_url("Please pay", "https://pay.example.com/1"))

    def handler(message: str, kind: Any, params: Any, context: Any) -> ElicitResult:
        seen.append((message, kind, params.mode, params.url))
        return ElicitResult(action="decline")

    async with Client(mcp, elicitation_handler=handler) as client:
        await client.call_tool("pay")
    assert seen == [("Please pay", None, "url", "https://pay.example.com/1")]
    assert isinstance(given[0], DeclinedElicitation)


@pytest.mark.protocol("EL-02")
async def test_a_page_without_encryption_is_refused() -> None:
    mcp = FastMCP()

    @mcp.tool
    async def pay(ctx: Context) -> None:
        await ctx.elicit_url("Please pay", "http://pay.example.com/1")

    async with Client(mcp, elicitation_handler=lambda *_: None) as client:
        with pytest.raises(ToolError, match="https pages only"):
            await client.call_tool("pay")


# Questions that a component returns.


def guarded() -> FastMCP:
    """A server whose tool, prompt and resource ask for a name before they answer."""
    mcp = FastMCP()
    question = InputRequiredResult(
        input_requests={
            "who": ElicitRequest(
                params=ElicitRequestFormParams(
                    message="Who?", requested_schema={"type": "object", "properties": {"name": {"type": "string"}}}
                )
            )
        },
        request_state="round-1",
    )

    def answer(ctx: Context) -> Any:
        if ctx.input_responses is None:
            return question
        assert ctx.request_state == "round-1"
        return f"Hello {ctx.input_responses['who'].content['name']}"

    @mcp.tool
    async def greet(ctx: Context) -> str | InputRequiredResult:
        return answer(ctx)

    @mcp.prompt
    async def greeting(ctx: Context) -> Any:
        return answer(ctx)

    @mcp.resource("data://greeting")
    async def stored(ctx: Context) -> Any:
        return answer(ctx)

    return mcp


@pytest.mark.fastmcp("C-09", status="later")
@pytest.mark.protocol("MR-01", "MR-03", "MR-07")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_component_may_return_its_questions(mode: str) -> None:
    async with Client(guarded(), mode=mode, elicitation_handler=lambda *_: {"name": "Ada"}) as client:
        assert await client.call_tool("greet") == "Hello Ada"
        assert (await client.get_prompt("greeting")).messages[0].content.text == "Hello Ada"
        assert (await client.read_resource("data://greeting"))[0].text == "Hello Ada"
        assert (await client.list_tools())[0].output_schema is not None


class Modern:
    """A transport of the modern era: it carries questions as results only."""

    request_id = "r1"

    def __init__(self, **capabilities: Any) -> None:
        self.caller = Caller("r1", "", "", protocol_version="2026-07-28", client_capabilities=capabilities)

    def log(self, level: str, logger: str | None, data: object) -> None:
        """Nobody listens."""

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        """Nobody listens."""


@pytest.mark.protocol("MR-01")
async def test_a_modern_client_gets_the_questions_as_the_result() -> None:
    answer: Any = await serve(guarded(), "tools/call", {"name": "greet"}, Modern(elicitation={}))

    assert (answer["resultType"], answer["requestState"]) == ("input_required", "round-1")
    assert answer["inputRequests"]["who"]["method"] == "elicitation/create"


@pytest.mark.protocol("MR-02")
async def test_a_client_is_asked_only_what_it_declared() -> None:
    with pytest.raises(McpError) as refusal:
        await serve(guarded(), "tools/call", {"name": "greet"}, Modern(sampling={}))

    assert refusal.value.code == -32021
    assert refusal.value.data == {"requiredCapabilities": {"elicitation": {"form": {}}}}


@pytest.mark.protocol("MR-05")
@pytest.mark.parametrize("responses", [None, [], {"who": None}, {"who": "Ada"}])
async def test_answers_that_are_no_objects_are_refused(responses: Any) -> None:
    with pytest.raises(InvalidParams, match="inputResponses"):
        await serve(guarded(), "tools/call", {"name": "greet", "inputResponses": responses}, Modern(elicitation={}))


@pytest.mark.protocol("MR-03")
async def test_every_kind_of_question_can_be_returned() -> None:
    mcp, given = FastMCP(), []

    @mcp.tool
    async def survey(ctx: Context) -> Any:
        if ctx.input_responses is None:
            message = {"role": "user", "content": {"type": "text", "text": "Hi"}}
            return InputRequiredResult(
                input_requests={
                    "model": CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=9)),
                    "roots": ListRootsRequest(),
                }
            )
        given.append((ctx.input_responses["model"].content.text, ctx.input_responses["roots"].roots[0].uri))
        return "done"

    async with Client(mcp, sampling_handler=lambda *_: "Yes", roots=["file:///a"]) as client:
        assert (await client.call_tool("survey")).content[0].text == "done"
    assert given == [("Yes", "file:///a")]


def test_a_question_without_questions_or_state_is_refused() -> None:
    with pytest.raises(ValueError, match="needs input_requests"):
        InputRequiredResult()
