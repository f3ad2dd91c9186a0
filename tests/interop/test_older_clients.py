"""Clients of every era, as they were published, on the real platform: those that can also are asked, cancel, resume."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.interop.answering import elicited, sampled
from tests.interop.cutting import SECONDS, seen
from tests.support import RunningPlatform

HERE = Path(__file__).parent
TOOLS = Path(sys.executable).parent
PYTHON = {
    "1.6.0": ("2024-11-05", "sse"),
    "1.9.4": ("2025-03-26", "mcp"),
    "1.12.4": ("2025-06-18", "mcp"),
    "1.27.0": ("2025-11-25", "mcp"),
}
"""The revision that each version of the `mcp` package asks for, and the endpoint's path for its transport."""
NODE = {"1.0.4": "sse", "1.10.2": "mcp", "1.13.3": "mcp", "1.25.1": "mcp"}
"""Versions of `@modelcontextprotocol/sdk`, and the path for their transport."""
TOOLS_THERE = ["add", "calls_of_work", "greet", "rest", "rhyme", "work"]
ASKED = {"add": "3", "rhyme": "It says: cat, hat", "greet": "Hello, Ada!"}


@pytest.mark.parametrize("version", PYTHON)
async def test_an_older_python_sdk_does_what_it_can(
    running_platform: RunningPlatform, asking_url: str, tmp_path: Path, version: str
) -> None:
    revision, path = PYTHON[version]
    python = _environment(tmp_path, f"mcp=={version}", "pydantic<2.12", "pydantic-settings<2.12")

    found = await seen(running_platform, python, HERE / "older" / "client.py", f"{asking_url}/{path}")

    assert found.pop("version") == revision
    assert sorted(found.pop("tools")) == TOOLS_THERE
    asked = ASKED if revision >= "2025-06-18" else {**ASKED, "greet": None}
    assert found == {**asked, "cancelled": True, "resumed": None if path == "sse" else "rested"}


@pytest.mark.parametrize("version", NODE)
async def test_an_older_typescript_sdk_does_what_it_can(
    running_platform: RunningPlatform, asking_url: str, tmp_path: Path, version: str
) -> None:
    _npm(tmp_path, f"@modelcontextprotocol/sdk@{version}", "eventsource@2.0.2")
    (tmp_path / "client.mjs").write_text((HERE / "older" / "client.mjs").read_text())

    found = await seen(running_platform, TOOLS / "node", tmp_path / "client.mjs", f"{asking_url}/{NODE[version]}")

    assert sorted(found.pop("tools")) == TOOLS_THERE
    assert found.pop("greet") in (None, ASKED["greet"])
    resumed = None if NODE[version] == "sse" else "rested"
    assert found == {"add": ASKED["add"], "rhyme": ASKED["rhyme"], "cancelled": True, "resumed": resumed}


async def test_fastmcp_of_the_second_generation_does_what_it_can(
    running_platform: RunningPlatform, asking_url: str, tmp_path: Path
) -> None:
    python = _environment(tmp_path, "fastmcp==2.14.7")

    found = await seen(running_platform, python, HERE / "older" / "fastmcp_client.py", f"{asking_url}/mcp")

    assert sorted(found.pop("tools")) == TOOLS_THERE
    assert found == {**ASKED, "resumed": "rested"}


@pytest.mark.parametrize("options", [(), ("--protocol-era", "modern")], ids=["legacy", "modern"])
def test_the_inspector_lists_and_calls(
    running_platform: RunningPlatform, asking_url: str, inspector: Path, options: tuple[str, ...]
) -> None:
    def inspect(*method: str) -> Any:
        header = f"Authorization: Bearer {running_platform.api_key}"
        command: list[str | Path] = [
            inspector,
            "--cli",
            f"{asking_url}/mcp",
            "--transport",
            "http",
            "--header",
            header,
            *options,
        ]
        return json.loads(_run([*command, "-q", "--format", "json", *method]).stdout)

    listed = inspect("--method", "tools/list")
    answer = inspect("--method", "tools/call", "--tool-name", "add", "--tool-arg", "a=1", "b=2")

    assert sorted(tool["name"] for tool in _result(listed)["tools"]) == TOOLS_THERE
    assert _result(answer)["content"][0]["text"] == ASKED["add"]


@pytest.fixture(scope="module")
def inspector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspector")
    _npm(folder, "@modelcontextprotocol/inspector@2.12.0")
    return folder / "node_modules" / ".bin" / "mcp-inspector"


def _result(printed: Any) -> Any:
    return printed.get("result", printed)


async def test_mcp_remote_carries_a_client_of_processes_here(
    running_platform: RunningPlatform, asking_url: str, tmp_path: Path
) -> None:
    _npm(tmp_path, "mcp-remote@0.15.1")
    key = f"Authorization:Bearer {running_platform.api_key}"
    arguments = [str(tmp_path / "node_modules" / "mcp-remote" / "dist" / "proxy.js"), f"{asking_url}/mcp"]
    bridge = StdioServerParameters(
        command=str(TOOLS / "node"),
        args=[*arguments, "--allow-http", "--header", key],
        env={"HOME": str(tmp_path), "PATH": f"{TOOLS}:{os.environ['PATH']}"},
    )

    async with (
        stdio_client(bridge) as (reading, writing),
        ClientSession(reading, writing, sampling_callback=sampled, elicitation_callback=elicited) as session,
    ):
        await session.initialize()
        tools = await session.list_tools()
        add = await session.call_tool("add", {"a": 1, "b": 2})
        rhyme = await session.call_tool("rhyme", {"word": "bat"})
        greet = await session.call_tool("greet", {})

    assert sorted(tool.name for tool in tools.tools) == TOOLS_THERE
    answers = {"add": add, "rhyme": rhyme, "greet": greet}
    assert {name: getattr(answer.content[0], "text", "") for name, answer in answers.items()} == ASKED


def _environment(folder: Path, *wanted: str) -> Path:
    """The interpreter of a new environment with those packages."""
    _run([TOOLS / "uv", "venv", "--quiet", "--python", sys.executable, folder / "environment"])
    python = folder / "environment" / "bin" / "python"
    _run([TOOLS / "uv", "pip", "install", "--quiet", "--python", python, *wanted])
    return python


def _npm(folder: Path, *wanted: str) -> None:
    (folder / "package.json").write_text('{"name": "older", "private": true, "type": "module"}')
    _run([TOOLS / "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *wanted], cwd=folder)


def _run(
    command: list[str | Path], *, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    path = f"{TOOLS}:{os.environ['PATH']}"  # npm looks for its node there
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, "PATH": path, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done
