# mypy: ignore-errors
# The types are those of the package installed for tests, which is not the one this server runs on.
# ruff: noqa: N803, PT028 - these are tools and their arguments, which the suite has named
"""The server that the official conformance suite wants to find: each tool, resource and prompt is named and answers as
the suite's scenarios expect. Deployed like any tenant's; imports nothing of the platform."""

from __future__ import annotations

import asyncio
import base64
import struct
import zlib
from typing import Annotated, Any

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.tasks import TaskConfig
from fastmcp.tools import Tool
from mcp import McpError
from mcp.types import (
    AudioContent,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    EmbeddedResource,
    ErrorData,
    ImageContent,
    InputRequiredResult,
    ListRootsRequest,
    PromptMessage,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)
from pydantic import Field

mcp = FastMCP("conformance", version="1.0.0")


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
        + chunk(b"IEND", b"")
    )


PNG = base64.b64encode(_png()).decode()
WAV = base64.b64encode(b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0@\x1f\0\0\x80>\0\0\x02\0\x10\0data\0\0\0\0").decode()


def text(words: str) -> TextContent:
    return TextContent(type="text", text=words)


def embedded(uri: str, mime_type: str, words: str) -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mimeType=mime_type, text=words))


# Plain answers. The first tool listed is also called without arguments by the header scenarios.


@mcp.tool(output_schema=None)
def test_simple_text() -> list[Any]:
    """Answer with one text."""
    return [text("This is a simple text response for testing.")]


@mcp.tool(output_schema=None)
def test_image_content() -> list[Any]:
    """Answer with an image."""
    return [ImageContent(type="image", data=PNG, mimeType="image/png")]


@mcp.tool(output_schema=None)
def test_audio_content() -> list[Any]:
    """Answer with a sound."""
    return [AudioContent(type="audio", data=WAV, mimeType="audio/wav")]


@mcp.tool(output_schema=None)
def test_embedded_resource() -> list[Any]:
    """Answer with a resource inside."""
    return [embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")]


@mcp.tool(output_schema=None)
def test_multiple_content_types() -> list[Any]:
    """Answer with a text, an image and a resource."""
    return [
        text("Multiple content types test:"),
        ImageContent(type="image", data=PNG, mimeType="image/png"),
        embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ]


@mcp.tool(output_schema=None)
async def test_tool_with_logging(ctx: Context) -> list[Any]:
    """Log three messages on the way."""
    await ctx.info("Tool execution started")
    await asyncio.sleep(0.05)
    await ctx.info("Tool processing data")
    await asyncio.sleep(0.05)
    await ctx.info("Tool execution completed")
    return [text("Tool with logging executed successfully")]


@mcp.tool(output_schema=None)
async def test_logging_tool(ctx: Context) -> list[Any]:
    """Log one message, which only those hear who asked for it."""
    await ctx.info("Logged")
    return [text("Logged")]


@mcp.tool(output_schema=None)
async def test_tool_with_progress(ctx: Context) -> list[Any]:
    """Report progress on the way."""
    for progress in (0, 50, 100):
        await ctx.report_progress(progress, 100)
        await asyncio.sleep(0.05)
    return [text("Tool with progress executed successfully")]


@mcp.tool(output_schema=None)
def test_error_handling() -> list[Any]:
    """Fail."""
    raise ToolError("This tool intentionally returns an error for testing")


class RawTool(Tool):
    """A tool whose schema is its author's to the letter."""

    async def run(self, arguments: dict[str, Any]) -> Any:
        return "JSON Schema 2020-12 tool called"


mcp.add_tool(
    RawTool(
        name="json_schema_2020_12_tool",
        description="A tool with a schema that uses much of JSON Schema 2020-12.",
        parameters={
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "$defs": {
                "address": {
                    "$anchor": "addressDef",
                    "type": "object",
                    "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
                }
            },
            "properties": {
                "name": {"type": "string"},
                "address": {"$ref": "#/$defs/address"},
                "contactMethod": {"type": "string", "enum": ["phone", "email"]},
                "phone": {"type": "string"},
                "email": {"type": "string"},
            },
            "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
            "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
            "then": {"required": ["phone"]},
            "else": {"required": ["email"]},
            "additionalProperties": False,
        },
    )
)


@mcp.tool(output_schema=None)
def test_x_mcp_header(
    region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})] = "",
) -> list[Any]:
    """Take an argument that a header repeats."""
    return [text(f"Region: {region}")]


@mcp.tool(output_schema=None)
async def test_reconnection(ctx: Context) -> list[Any]:
    """Close the stream, and answer when the client comes back."""
    await ctx.close_sse_stream()
    await asyncio.sleep(0.2)
    return [text("Reconnection test completed successfully")]


@mcp.tool(output_schema=None)
async def test_trigger_tool_change(ctx: Context) -> list[Any]:
    """Announce that the list of tools has changed."""
    await ctx.send_tool_list_changed()
    return [text("Announced")]


@mcp.tool(output_schema=None)
async def test_trigger_prompt_change(ctx: Context) -> list[Any]:
    """Announce that the list of prompts has changed."""
    await ctx.send_prompt_list_changed()
    return [text("Announced")]


# Questions in the middle of a call.


@mcp.tool(output_schema=None)
async def test_sampling(prompt: str, ctx: Context) -> list[Any]:
    """Ask the client's model."""
    answer = await ctx.session.create_message([SamplingMessage(role="user", content=text(prompt))], max_tokens=100)
    return [text(f"LLM response: {getattr(answer.content, 'text', answer.content)}")]


@mcp.tool(output_schema=None)
async def test_elicitation(message: str, ctx: Context) -> list[Any]:
    """Ask the person."""
    schema = {
        "type": "object",
        "properties": {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"},
        },
        "required": ["username", "email"],
    }
    return [text(f"User response: {await _elicit(ctx, message, schema)}")]


@mcp.tool(output_schema=None)
async def test_elicitation_sep1034_defaults(ctx: Context) -> list[Any]:
    """Ask with a default for each kind of field."""
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            "verified": {"type": "boolean", "default": True},
        },
        "required": [],
    }
    return [text(f"Elicitation completed: {await _elicit(ctx, 'Defaults?', schema)}")]


@mcp.tool(output_schema=None)
async def test_elicitation_sep1330_enums(ctx: Context) -> list[Any]:
    """Ask with each kind of choice."""
    options = ["option1", "option2", "option3"]
    titled = [{"const": f"value{number}", "title": f"Option {number}"} for number in (1, 2, 3)]
    schema = {
        "type": "object",
        "properties": {
            "untitledSingle": {"type": "string", "enum": options},
            "titledSingle": {"type": "string", "oneOf": titled},
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
            "titledMulti": {"type": "array", "items": {"anyOf": titled}},
        },
        "required": [],
    }
    return [text(f"Elicitation completed: {await _elicit(ctx, 'Choose.', schema)}")]


@mcp.tool(output_schema=None)
async def test_streaming_elicitation(ctx: Context) -> Any:
    """Ask a client of any era."""
    return await _ask_once(ctx, {"answer": _form("Go on?", answer="string")}, "Went on")


@mcp.tool(output_schema=None)
async def test_missing_capability(ctx: Context) -> Any:
    """Ask what only a client with a model can answer."""
    return await _ask_once(ctx, {"model": _sample("Hello?")}, "Answered")


async def _elicit(ctx: Context, message: str, schema: dict[str, Any]) -> str:
    answer = await ctx.session.elicit(message, schema)
    return f"action={answer.action}, content={answer.content}"


# Questions that are returned.


def _form(message: str, **properties: str) -> ElicitRequest:
    schema = {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in properties.items()},
        "required": list(properties),
    }
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requestedSchema=schema))


def _sample(prompt: str) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=text(prompt))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], maxTokens=100))


async def _ask_once(ctx: Context, questions: dict[str, Any], done: str, state: str | None = None) -> Any:
    """The questions, until each has an answer."""
    answers = ctx.input_responses or {}
    if not all(key in answers for key in questions):
        return InputRequiredResult(inputRequests=questions, requestState=state)
    return [text(done)]


def _content(ctx: Context, key: str, name: str) -> Any:
    """What the person wrote into a field; None without an accepted answer."""
    answer = (ctx.input_responses or {}).get(key)
    return (getattr(answer, "content", None) or {}).get(name)


@mcp.tool(output_schema=None)
async def test_input_required_result_elicitation(ctx: Context) -> Any:
    """Ask for a name."""
    name = _content(ctx, "user_name", "name")
    if not isinstance(name, str):
        return InputRequiredResult(inputRequests={"user_name": _form("What is your name?", name="string")})
    return [text(f"Hello, {name}!")]


@mcp.tool(output_schema=None)
async def test_input_required_result_sampling(ctx: Context) -> Any:
    """Ask the client's model."""
    return await _ask_once(ctx, {"capital_question": _sample("What is the capital of France?")}, "Answered")


@mcp.tool(output_schema=None)
async def test_input_required_result_list_roots(ctx: Context) -> Any:
    """Ask for the client's roots."""
    return await _ask_once(ctx, {"client_roots": ListRootsRequest()}, "Roots received")


@mcp.tool(output_schema=None)
async def test_input_required_result_request_state(ctx: Context) -> Any:
    """Ask, and get one's own state back."""
    questions = {"confirm": _form("Please confirm", ok="boolean")}
    return await _ask_once(ctx, questions, f"state-ok: {ctx.request_state}", "state")


@mcp.tool(output_schema=None)
async def test_input_required_result_multiple_inputs(ctx: Context) -> Any:
    """Ask three things at once."""
    questions = {
        "user_name": _form("What is your name?", name="string"),
        "greeting": _sample("Generate a greeting"),
        "client_roots": ListRootsRequest(),
    }
    return await _ask_once(ctx, questions, "All answered", "three")


@mcp.tool(output_schema=None)
async def test_input_required_result_multi_round(ctx: Context) -> Any:
    """Ask one thing after the other."""
    if ctx.request_state is None:
        return InputRequiredResult(inputRequests={"step1": _form("Name?", name="string")}, requestState="step1")
    if ctx.request_state == "step1":
        return InputRequiredResult(inputRequests={"step2": _form("Colour?", color="string")}, requestState="step2")
    return [text("Both steps answered")]


@mcp.tool(output_schema=None)
async def test_input_required_result_tampered_state(ctx: Context) -> Any:
    """Ask with a state that must not be changed."""
    return await _ask_once(ctx, {"confirm": _form("Please confirm", ok="boolean")}, "Confirmed", "sealed")


@mcp.tool(output_schema=None)
async def test_input_required_result_capabilities(ctx: Context) -> Any:
    """Ask only what the client can answer."""
    questions: dict[str, Any] = {"model": _sample("Hello?")}
    if ctx.session.check_client_capability("elicitation"):
        questions["person"] = _form("Hello?", answer="string")
    return await _ask_once(ctx, questions, "Answered")


# Tasks.


@mcp.tool(output_schema=None)
def greet(name: str) -> list[Any]:
    """Never a task."""
    return [text(f"Hello, {name}!")]


@mcp.tool(output_schema=None, task=True)
async def slow_compute(seconds: float, label: str = "") -> list[Any]:
    """Take a while."""
    await asyncio.sleep(seconds)
    return [text(f"Computed {label}".strip())]


@mcp.tool(output_schema=None, task=TaskConfig(mode="required"))
async def failing_job() -> list[Any]:
    """Fail after a while."""
    await asyncio.sleep(1)
    raise ToolError("This job intentionally fails")


@mcp.tool(output_schema=None, task=True)
def protocol_error_job() -> list[Any]:
    """Break, in the protocol's own words."""
    raise McpError(ErrorData(code=-32603, message="This job intentionally breaks"))


@mcp.tool(output_schema=None, task=True)
async def confirm_delete(filename: str, ctx: Context) -> list[Any]:
    """Ask in the middle of the work."""
    schema = {"type": "object", "properties": {"confirm": {"type": "boolean"}}, "required": ["confirm"]}
    answer = await ctx.session.elicit(f"Delete {filename}?", schema)
    return [text(f"{filename}: {answer.action}")]


@mcp.tool(output_schema=None, task=True)
async def multi_input(ctx: Context) -> list[Any]:
    """Ask two things at once."""
    schema = {"type": "object", "properties": {"value": {"type": "string"}}}
    answers = await asyncio.gather(ctx.session.elicit("First?", schema), ctx.session.elicit("Second?", schema))
    return [text(", ".join(answer.action for answer in answers))]


@mcp.tool(output_schema=None, task=TaskConfig(mode="required", asks_first=True))
async def test_tool_with_task(ctx: Context) -> Any:
    """Ask for a name, and only then become a task."""
    name = _content(ctx, "user_name", "name")
    if not isinstance(name, str):
        return InputRequiredResult(inputRequests={"user_name": _form("What is your name?", name="string")})
    return [text(f"Hello, {name}!")]


# Resources and prompts.


@mcp.resource("test://static-text", name="static-text", mime_type="text/plain")
def static_text() -> str:
    """A text that never changes."""
    return "This is the content of the static text resource."


@mcp.resource("test://static-binary", name="static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """An image that never changes."""
    return base64.b64decode(PNG)


@mcp.resource("test://watched-resource", name="watched-resource", mime_type="text/plain")
def watched_resource() -> str:
    """A text that may be watched."""
    return "Watched resource content"


@mcp.resource("test://template/{id}/data", name="template", mime_type="application/json")
def template(id: str) -> dict[str, Any]:
    """Data by its id."""
    return {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}


@mcp.prompt
def test_simple_prompt() -> str:
    """One message."""
    return "This is a simple prompt for testing."


@mcp.prompt
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """One message made of two arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@mcp.prompt
def test_prompt_with_embedded_resource(resourceUri: str) -> list[Any]:
    """A resource, and what to do with it."""
    content = embedded(resourceUri, "text/plain", "Embedded resource content for testing.")
    return [
        PromptMessage(role="user", content=content),
        PromptMessage(role="user", content=text("Please process the embedded resource above.")),
    ]


@mcp.prompt
def test_prompt_with_image() -> list[Any]:
    """An image, and what to do with it."""
    return [
        PromptMessage(role="user", content=ImageContent(type="image", data=PNG, mimeType="image/png")),
        PromptMessage(role="user", content=text("Please analyze the image above.")),
    ]


@mcp.prompt
def test_input_required_result_prompt(ctx: Context) -> Any:
    """A prompt that asks first."""
    context = _content(ctx, "user_context", "context")
    if context is None:
        return InputRequiredResult(inputRequests={"user_context": _form("What context?", context="string")})
    return f"Context: {context}"
