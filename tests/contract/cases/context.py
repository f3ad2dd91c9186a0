"""Blocks 22 to 30: the context. A block whose `ctx` is not defined in it runs as the body of a tool."""

from __future__ import annotations

from typing import Any

from mcp_runtime.client import Client
from mcp_runtime.client.handlers import LogMessage
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.asking.elicitation import AcceptedElicitation
from tests.contract.cases import case
from tests.contract.document import Stage


class Log:
    """A log handler that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    async def __call__(self, message: LogMessage) -> None:
        self.heard.append((message.level, message.data["msg"]))


@case(22, "C-01", "C-02", "T-14")
async def the_context_is_given_by_its_type(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    log = Log()
    await stage.run(mcp=mcp)

    async with Client(mcp, log_handler=log) as client:
        result = await client.call_tool("process_file", {"file_uri": "file:///a.txt"})
    assert result.data == "Processed"
    assert log.heard == [("info", "Processing file:///a.txt")]


@case(23, "C-02", "G-16")
async def four_levels_are_logged(stage: Stage) -> None:
    log = Log()

    await stage.run_inside(client_options={"log_handler": log})

    assert log.heard == [
        ("debug", "Debug message"),
        ("info", "Info message"),
        ("warning", "Warning message"),
        ("error", "Error message"),
    ]


@case(24, "C-03", "G-16")
async def progress_is_reported(stage: Stage) -> None:
    seen: list[tuple[float, float | None]] = []

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        seen.append((done, total))

    await stage.run_inside(client_options={"progress_handler": on_progress})

    assert seen == [(50, 100)]


@case(25, "C-04", "C-05")
async def resources_are_listed_and_read(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    mcp.resource("file:///config/settings.json", name="settings", mime_type="application/json")(
        lambda: '{"debug": true}'
    )

    names = await stage.run_inside(server=mcp)

    assert [str(resource.uri) for resource in names["resources"]] == ["file:///config/settings.json"]
    assert names["content"][0].content == '{"debug": true}'


@case(26, "C-06", "C-07", status="document")
async def prompts_are_listed_and_rendered(stage: Stage) -> None:
    """The library refuses arguments that are not texts; the document passes a list."""
    mcp = FastMCP("surroundings")

    @mcp.prompt
    def analyze_data(data: list[int]) -> str:
        return f"The sum is {sum(data)}."

    names = await stage.run_inside(server=mcp)

    assert [prompt.name for prompt in names["prompts"]] == ["analyze_data"]
    assert names["result"].messages[0].content.text == "The sum is 6."


@case(27, "C-08", "G-17")
async def the_clients_model_is_asked(stage: Stage) -> None:
    asked: list[Any] = []

    async def on_sampling(messages: Any, params: Any, context: Any) -> str:
        asked.append((messages[0].content.text, params.temperature))
        return "It grows."

    names = await stage.run_inside(client_options={"sampling_handler": on_sampling})

    assert names["response"].text == "It grows."
    assert asked == [("Analyze this data", 0.7)]


@case(28, "C-09")
async def the_person_is_asked(stage: Stage) -> None:
    async def on_elicitation(message: str, response_type: Any, params: Any, context: Any) -> Any:
        assert message == "Enter your name:"
        return response_type(value="Ada")

    names = await stage.run_inside(client_options={"elicitation_handler": on_elicitation})

    assert isinstance(names["name"], AcceptedElicitation)
    assert names["name"].data == "Ada"


@case(29, "C-10", "G-18")
async def state_lasts_for_the_request(stage: Stage) -> None:
    mcp = FastMCP("surroundings")

    @mcp.tool
    def later(ctx: Context) -> str:
        return repr(ctx.get_state("user_id"))

    names = await stage.run_inside(server=mcp)

    assert names["user_id"] == "123"
    async with Client(mcp) as client:
        assert (await client.call_tool("later")).data == "None"


@case(30, "C-11", "C-12", "C-13", "C-14", "C-15")
async def the_request_is_known(stage: Stage) -> None:
    mcp = FastMCP("surroundings")

    names = await stage.run_inside(server=mcp)

    assert isinstance(names["request_id"], str)
    assert names["client_id"] is None
    assert isinstance(names["session_id"], str)
    assert names["request_context"] is not None
    assert names["server"] is mcp
