"""Prompts (FASTMCP P-01 to P-25)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import Field

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.components import Message, Prompt, PromptResult
from mcp_runtime.framework.components.prompt import AssistantMessage, UserMessage
from mcp_runtime.framework.errors import PromptError
from mcp_runtime.framework.types import ImageContent, PromptMessage, TextContent
from mcp_runtime.protocol.errors import InvalidParams, McpError, UnknownPrompt


def topic(name: str) -> str:
    """Ask about a topic."""
    return f"About {name}"


async def rendered(function: Any, arguments: dict[str, Any] | None = None, **options: Any) -> Any:
    mcp = FastMCP()
    mcp.prompt(function, name="it", **options)
    async with Client(mcp) as client:
        return await client.get_prompt("it", arguments)


def turns(result: Any) -> list[tuple[str, str]]:
    return [(message.role, message.content.text) for message in result.messages]


@pytest.mark.fastmcp("P-01", "P-02")
@pytest.mark.parametrize(
    ("register", "name"),
    [
        (lambda mcp: mcp.prompt(topic), "topic"),
        (lambda mcp: mcp.prompt()(topic), "topic"),
        (lambda mcp: mcp.prompt("ask")(topic), "ask"),
        (lambda mcp: mcp.prompt(name="ask")(topic), "ask"),
        (lambda mcp: mcp.prompt(topic, name="ask"), "ask"),
        (lambda mcp: mcp.add_prompt(Prompt.from_function(topic, name="ask")), "ask"),
    ],
)
async def test_every_form_of_the_decorator_offers_the_prompt(register: Any, name: str) -> None:
    mcp = FastMCP()

    register(mcp)

    async with Client(mcp) as client:
        assert [prompt.name for prompt in await client.list_prompts()] == [name]
        assert turns(await client.get_prompt(name, {"name": "birds"})) == [("user", "About birds")]


@pytest.mark.fastmcp("P-03", "P-04", "P-05", "P-07", "P-08")
async def test_what_the_decorator_says_is_listed() -> None:
    mcp = FastMCP()
    mcp.prompt(
        topic, title="T", description="D", tags={"t"}, icons=[{"src": "https://example.com/i.png"}], meta={"v": "1"}
    )

    async with Client(mcp) as client:
        listed = (await client.list_prompts())[0]
        result = await client.get_prompt("topic", {"name": "x"})
    assert (listed.title, listed.description, listed.meta) == ("T", "D", {"v": "1", "_fastmcp": {"tags": ["t"]}})
    assert listed.icons is not None
    assert listed.icons[0].src == "https://example.com/i.png"
    assert result.description == "D"


@pytest.mark.fastmcp("P-06")
async def test_a_disabled_prompt_is_unknown() -> None:
    mcp = FastMCP()
    mcp.prompt(topic, enabled=False)

    async with Client(mcp) as client:
        with pytest.raises(UnknownPrompt):
            await client.get_prompt("topic", {"name": "x"})


@pytest.mark.fastmcp("P-09")
async def test_arguments_are_listed_with_how_to_write_them() -> None:
    mcp = FastMCP()

    @mcp.prompt
    def it(name: str, numbers: list[int], note: str | None = None, n: int = Field(default=1, description="How many")):  # type: ignore[no-untyped-def]
        return name

    async with Client(mcp) as client:
        arguments = (await client.list_prompts())[0].arguments
    assert arguments is not None
    assert [(argument.name, argument.required) for argument in arguments] == [
        ("name", True),
        ("numbers", True),
        ("note", False),
        ("n", False),
    ]
    hint = "Provide as a JSON string matching the following schema: "
    assert [argument.description for argument in arguments] == [
        None,
        hint + '{"items":{"type":"integer"},"type":"array"}',
        None,
        "How many\n\n" + hint + '{"type":"integer"}',
    ]


@pytest.mark.fastmcp("P-10")
async def test_arguments_that_are_not_texts_are_read_from_json() -> None:
    def it(numbers: list[int], text: str) -> str:
        return f"{sum(numbers)} {text}"

    assert turns(await rendered(it, {"numbers": "[1, 2]", "text": "[3]"})) == [("user", "3 [3]")]


@pytest.mark.fastmcp("P-10")
async def test_an_argument_that_does_not_fit_is_an_error() -> None:
    def it(numbers: list[int]) -> str:
        return ""

    with pytest.raises(InvalidParams, match="Error rendering prompt 'it'"):
        await rendered(it, {"numbers": "many"})


@pytest.mark.fastmcp("P-10")
async def test_missing_arguments_are_named() -> None:
    with pytest.raises(InvalidParams, match="Missing required arguments: name"):
        await rendered(topic)


@pytest.mark.fastmcp("P-11", status="safer")
async def test_a_default_given_as_a_field_is_the_default() -> None:
    """The real library prints the field itself."""

    def it(kind: str = Field(default="summary", description="What kind")) -> str:
        return f"A {kind}"

    assert turns(await rendered(it)) == [("user", "A summary")]


@pytest.mark.fastmcp("P-20", "P-21", "P-22", "P-23", "P-24")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("hi", [("user", "hi")], id="P-20"),
        pytest.param(
            PromptMessage(role="assistant", content=TextContent(type="text", text="hi")),
            [("assistant", "hi")],
            id="P-21",
        ),
        pytest.param(["a", Message("b", role="assistant")], [("user", "a"), ("assistant", "b")], id="P-22"),
        pytest.param({"a": 1}, [("user", '{"a":1}')], id="P-23 dict"),
        pytest.param([{"role": "user"}], [("user", '{"role":"user"}')], id="P-23 item"),
        pytest.param(7, [("user", "7")], id="P-23 number"),
        pytest.param(PromptResult([Message("x")]), [("user", "x")], id="P-24"),
        pytest.param([UserMessage("a"), AssistantMessage("b")], [("user", "a"), ("assistant", "b")], id="P-24 SDK"),
    ],
)
async def test_what_a_prompt_returns_becomes_messages(value: Any, expected: list[tuple[str, str]]) -> None:
    assert turns(await rendered(lambda: value)) == expected


@pytest.mark.fastmcp("P-24")
async def test_a_message_may_hold_any_content() -> None:
    picture = ImageContent(type="image", data="eA==", mime_type="image/png")

    result = await rendered(lambda: [Message(picture), Message({"a": 1})])

    assert result.messages[0].content == picture
    assert result.messages[1].content.text == '{"a":1}'


@pytest.mark.fastmcp("P-24")
async def test_a_prompt_result_may_say_more() -> None:
    result = await rendered(lambda: PromptResult("hi", description="Now", meta={"v": 1}))

    assert (result.description, result.meta) == ("Now", {"v": 1})


@pytest.mark.fastmcp("P-25", "C-01")
async def test_prompts_may_be_asynchronous_and_take_the_context() -> None:
    async def it(ctx: Context, name: str) -> str:
        await asyncio.sleep(0)
        return f"{name} {ctx.fastmcp.name[:7]}"

    assert turns(await rendered(it, {"name": "x"})) == [("user", "x FastMCP")]


@pytest.mark.fastmcp("S-04", status="safer")
@pytest.mark.parametrize(
    ("masked", "error", "text"),
    [
        (False, ValueError("the secret"), "Error rendering prompt 'fail': the secret"),
        (True, ValueError("the secret"), "Error rendering prompt 'fail'"),
        (True, PromptError("Not today."), "Not today."),
    ],
)
async def test_errors_are_masked_when_the_server_says_so(masked: bool, error: Exception, text: str) -> None:
    """The real library leaks them."""
    mcp = FastMCP(mask_error_details=masked)

    @mcp.prompt
    def fail() -> str:
        raise error

    async with Client(mcp) as client:
        with pytest.raises(McpError) as refused:
            await client.get_prompt("fail")
    assert refused.value.message == text


@pytest.mark.fastmcp("P-01")
def test_functions_that_take_anything_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\*\*kwargs are not supported as prompts"):
        FastMCP().prompt(lambda **rest: "x", name="x")
