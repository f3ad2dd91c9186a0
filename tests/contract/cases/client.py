"""Blocks 33 to 37, 40 and 62: the client."""

from __future__ import annotations

import ssl
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from mcp_runtime.framework.auth.providers.in_memory import InMemoryOAuthProvider
from tests.contract.cases import case
from tests.contract.document import Stage

ROOT = Path(__file__).parents[3]


@case(34, "CL-05", "CL-06", "CL-07", "CL-08", "CL-09", "CL-10", "CL-11", "CL-12", "CL-13")
async def a_client_lives_inside_its_block(stage: Stage) -> None:
    mcp = FastMCP("surroundings")

    @mcp.tool
    def multiply(a: int, b: int) -> int:
        return a * b

    @mcp.prompt
    def analyze_data(data: list[int]) -> str:
        return f"The sum is {sum(data)}."

    mcp.resource("file:///config/settings.json", name="settings")(lambda: "{}")
    client = Client(mcp)

    names = await stage.run(client=client)

    assert [tool.name for tool in names["tools"]] == ["multiply"]
    assert names["result"].data == 15
    assert [str(resource.uri) for resource in names["resources"]] == ["file:///config/settings.json"]
    assert names["content"][0].text == "{}"
    assert [prompt.name for prompt in names["prompts"]] == ["analyze_data"]
    assert names["messages"].messages[0].content.text == "The sum is 6."
    assert not client.is_connected()


@case(62, "CL-01", "CL-08", "G-32", "G-35", status="document")
async def a_test_compares_the_result_itself(stage: Stage) -> None:
    """The library's result is not equal to a number; the document's own test needs it to be (FASTMCP 0.3)."""
    names = await stage.run()

    await names["test_tool"]()

    marks: Any = names["test_tool"].pytestmark
    assert [mark.name for mark in marks] == ["asyncio"]
    broken = stage.text.replace("== 8", "== 9")
    stage.text = broken
    with pytest.raises(AssertionError):
        await (await stage.run())["test_tool"]()


@case(33, "CL-01", "CL-02", "CL-03", "CL-04")
async def a_client_finds_its_transport(stage: Stage) -> None:
    (stage.folder / "my_mcp_server.py").write_text("")
    (stage.folder / "server.js").write_text("")
    made: list[Client] = []

    def remembering(target: Any) -> Client:
        made.append(Client(target))
        return made[-1]

    stage.text = stage.text.replace("from fastmcp import Client, FastMCP", "")
    await stage.run(Client=remembering, FastMCP=FastMCP)

    assert [type(client.transport).__name__ for client in made] == [
        "MemoryTransport",
        "StreamableHttpTransport",
        "PythonStdioTransport",
        "NodeStdioTransport",
    ]


@case(35, "CL-03", "CL-14")
async def a_client_is_initialized_by_hand(stage: Stage) -> None:
    _program(stage, "my_mcp_server.py", "Mine")
    printed: list[str] = []

    names = await stage.run(Client=Client, print=printed.append)

    assert printed == ["Server: Mine"]
    assert names["result"].serverInfo.name == "Mine"


@case(36, "CL-15")
async def several_servers_are_one_client(stage: Stage) -> None:
    weather = FastMCP("Weather")

    @weather.tool
    def get_forecast(city: str) -> str:
        return f"Sunny in {city}"

    _program(stage, "assistant_server.py", "Assistant")
    python = stage.folder / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    stage.text = stage.text.replace('"command": "python"', f'"command": {sys.executable!r}')

    async with stage.hosts.serving("weather-api.example.com", weather.http_app()):
        names = await stage.run(Client=Client)

    assert names["weather_data"].data == "Sunny in London"


@case(37, "CL-16", "CL-17", "CL-18", "CL-19")
async def a_client_is_given_its_handlers(stage: Stage) -> None:
    heard: list[Any] = []
    _program(
        stage,
        "my_mcp_server.py",
        "Mine",
        """
@mcp.tool
async def work(ctx: Context) -> str:
    await ctx.info("working")
    await ctx.report_progress(1, 2)
    return (await ctx.sample("Think")).text
""",
    )

    async def on_log(message: Any) -> None:
        heard.append(message.data["msg"])

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        heard.append((done, total))

    async def on_sampling(messages: Any, params: Any, context: Any) -> str:
        return "thought"

    names = await stage.run(
        Client=Client, custom_log_handler=on_log, progress_callback=on_progress, sampling_callback=on_sampling
    )

    async with names["client"] as client:
        result = await client.call_tool("work")
    assert result.data == "thought"
    assert heard == ["working", (1, 2)]


def _program(stage: Stage, name: str, server: str, more: str = "") -> None:
    """A server in a file, whose interpreter resolves `import fastmcp` to ours."""
    (stage.folder / name).write_text(
        f"""
import sys
sys.path[:0] = [{str(ROOT)!r}]
from mcp_runtime.framework import aliases
aliases.install()
from fastmcp import Context, FastMCP

mcp = FastMCP({server!r})
{more}
if __name__ == "__main__":
    mcp.run(show_banner=False)
"""
    )


@case(40, "CL-20", "A-12")
async def a_client_logs_in_by_the_browser(stage: Stage) -> None:
    """The browser is one that follows redirects, for a person who agrees."""
    mcp = FastMCP("Protected", auth=InMemoryOAuthProvider(base_url="https://protected-server.com"))
    mcp.tool(lambda: "let in", name="protected_tool")
    visited: list[str] = []

    def browse(url: str, *_: Any, **__: Any) -> bool:
        visited.append(url)
        threading.Thread(target=_follow, args=(url, stage.hosts.trusting())).start()
        return True

    stage.patch.setattr(webbrowser, "open", browse)

    async with stage.hosts.serving("protected-server.com", mcp.http_app()):
        names = await stage.run(Client=Client)

    assert names["result"].content[0].text == "let in"
    assert [urlsplit(url).path for url in visited] == ["/authorize"]


def _follow(url: str, trusting: ssl.SSLContext) -> None:
    with httpx2.Client(verify=trusting, follow_redirects=True, timeout=60) as browser:
        browser.get(url)
