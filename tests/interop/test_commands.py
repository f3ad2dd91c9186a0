"""Servers of other SDKs, started by a command in the sandbox, and called by foreign clients (docs/guides)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from tests.interop.conftest import ROOT, stoa
from tests.support import RunningPlatform

SERVERS = ROOT / "tests" / "interop" / "servers"
NOTES = SERVERS / "notes"
MODES = ["auto", "legacy"]


@pytest.fixture(scope="module")
def notes_url(running_platform: RunningPlatform) -> str:
    """A server that uses the official SDK, deployed as its guide says."""
    stoa(running_platform, "deploy", str(NOTES), "--command", "python server.py", "--tenant", "demo")
    return running_platform.endpoint_url.replace("/demo/demo/", "/demo/notes/")


@pytest.mark.parametrize("mode", MODES)
async def test_a_server_of_the_official_sdk_is_called(
    running_platform: RunningPlatform, notes_url: str, mode: str
) -> None:
    async with Client(notes_url, auth=running_platform.api_key, mode=mode) as peer:
        tools = [tool.name for tool in await peer.list_tools()]
        counted = [await peer.call_tool("add_note", {"text": text}) for text in (f"milk, {mode}", "bread")]
        kept: Any = (await peer.read_resource("notes://all"))[0]

    assert sorted(tools) == ["add_note", "clear", "recount"]
    first, second = [result.structured_content["result"] for result in counted]
    assert second == first + 1
    assert f"milk, {mode}\nbread" in kept.text


@pytest.mark.parametrize("mode", MODES)
async def test_its_questions_reach_the_client(running_platform: RunningPlatform, notes_url: str, mode: str) -> None:
    async def answer(message: str, *_: object) -> dict[str, bool]:
        assert message == "Forget all notes?"
        return {"sure": True}

    async with Client(notes_url, auth=running_platform.api_key, mode=mode, elicitation_handler=answer) as peer:
        assert (await peer.call_tool("clear")).content[0].text == "forgotten"


async def test_its_progress_and_secrets_are_those_of_any_server(
    running_platform: RunningPlatform, notes_url: str
) -> None:
    heard: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        heard.append(done)

    async with Client(notes_url, auth=running_platform.api_key) as peer:
        assert (await peer.call_tool("recount", progress_handler=progress)).content[0].text == "unsalted"

    assert heard == [1, 2, 3]


def test_a_desktop_clients_servers_are_taken_over(running_platform: RunningPlatform, tmp_path: Path) -> None:
    clock = {
        "command": "C:\\tools\\uvx.exe",
        "args": ["mcp-server-time", "--local-timezone", "UTC"],
        "env": {"REGION": "andes", "TOKEN": "${input:token}"},
    }
    here = {"command": "/usr/local/bin/docker", "args": ["run", "-i", "notes"]}
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": {"My clock": clock, "Notes": here}}))

    told = stoa(running_platform, "import", str(tmp_path / "mcp.json"), "--tenant", "demo", check=False)
    served = stoa(
        running_platform, "call", "my-clock", "get_current_time", "-a", "timezone=Asia/Tokyo", "--tenant", "demo"
    )
    kept = stoa(running_platform, "secrets", "ls", "my-clock", "--tenant", "demo")

    assert told.returncode == 1
    assert "Not imported: notes." in told.stderr
    assert "'docker' starts something of this machine" in told.stderr
    assert "stoa secrets set my-clock TOKEN" in told.stderr
    assert "Asia/Tokyo" in served.stdout
    assert ("REGION" in kept.stdout, "TOKEN" in kept.stdout) == (True, False)


async def test_a_server_in_javascript_is_installed_by_its_lock_and_called(running_platform: RunningPlatform) -> None:
    stoa(running_platform, "deploy", str(SERVERS / "greeter"), "--command", "node server.js", "--tenant", "demo")
    url = running_platform.endpoint_url.replace("/demo/demo/", "/demo/greeter/")

    async with Client(url, auth=running_platform.api_key) as peer:
        greeting = await peer.call_tool("greet", {"name": "Ada"})

    assert greeting.content[0].text == "Hello, Ada! (1)"


@pytest.mark.parametrize(
    ("package", "call", "answer"),
    [
        ("everything", ("get-sum", "-a", "a=19", "-a", "b=23"), "42"),
        ("filesystem", ("list_allowed_directories",), "/tmp"),
    ],
)
def test_a_package_of_npm_is_a_server_without_any_code(
    running_platform: RunningPlatform, npm_servers: dict[str, str], package: str, call: tuple[str, ...], answer: str
) -> None:
    told = stoa(running_platform, "call", package, *call, "--tenant", "demo")

    assert answer in told.stdout


@pytest.mark.parametrize(
    ("command", "why"),
    [("python nothing.py", "does not serve"), ("/bin/sh -c x", "is a path"), ("python 'server.py", "cannot be read")],
)
def test_a_command_that_cannot_serve_is_refused(running_platform: RunningPlatform, command: str, why: str) -> None:
    options = ("--name", "broken", "--command", command, "--tenant", "demo")
    refused = stoa(running_platform, "deploy", str(NOTES), *options, check=False)

    assert refused.returncode == 1
    assert why in refused.stderr
