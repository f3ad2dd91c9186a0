"""Servers as child processes (FASTMCP CL-03, CL-04, CL-21, PROTOCOL 3.4, V-14)."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.client.transports import stdio
from mcp_runtime.client.transports.commands import (
    FastMCPStdioTransport,
    NodeStdioTransport,
    NpxStdioTransport,
    PythonStdioTransport,
    UvStdioTransport,
    UvxStdioTransport,
)
from mcp_runtime.client.transports.infer import transport_for
from mcp_runtime.client.transports.stdio import StdioTransport
from mcp_runtime.framework import aliases
from mcp_runtime.framework.errors import ClientError, ToolError
from mcp_runtime.protocol.errors import McpError
from tests.support import wait_until_async

PEER = Path(__file__).with_name("stdio_peer.py")


def peer(*arguments: str, mode: str = "auto", **options: Any) -> PythonStdioTransport:
    options.setdefault("keep_alive", False)
    env = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **options.pop("env", {})}
    return PythonStdioTransport(PEER, list(arguments), env, mode=mode, **options)


def running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.fastmcp("CL-03")
@pytest.mark.protocol("D-01", "V-14")
@pytest.mark.parametrize(("era", "version"), [("modern", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_a_child_process_is_spoken_to_in_its_own_era(era: str, version: str) -> None:
    logs: list[Any] = []
    steps: list[Any] = []
    async with Client(
        peer(era),
        log_handler=lambda message: logs.append(message.data["msg"]),
        progress_handler=lambda *progress: steps.append(progress),
    ) as client:
        assert client.protocol_version == version
        assert {tool.name for tool in await client.list_tools()} >= {"add", "talk"}
        assert await client.call_tool("add", {"a": 1, "b": 2}) == 3
        assert (await client.call_tool("talk")).data == "done"
        assert (logs, steps) == (["hello"], [(1, 2, None)])
        assert await client.ping() is True


@pytest.mark.fastmcp("CL-19")
@pytest.mark.protocol("D-02")
async def test_a_legacy_child_may_ask_while_it_answers() -> None:
    async with Client(peer("legacy"), elicitation_handler=lambda *_: {"value": "Ada"}) as client:
        assert await client.call_tool("ask") == "Ada"


async def test_a_handler_may_call_the_server_itself() -> None:
    sums: list[Any] = []

    async def handler(message: Any) -> None:
        sums.append((await client.call_tool("add", {"a": 2, "b": 2})).data)

    client = Client(peer("modern"), log_handler=handler)
    async with client:
        await client.call_tool("talk")
    assert sums == [4]


@pytest.mark.fastmcp("CL-19", "CL-21")
@pytest.mark.protocol("D-02")
async def test_a_call_given_up_is_cancelled_at_the_server() -> None:
    async with Client(peer("modern")) as client:
        with pytest.raises(McpError, match="Timed out"):
            await client.call_tool("wait", timeout=0.05)

        async def told() -> bool:
            return bool((await client.call_tool("who")).data[2])

        assert await wait_until_async(told)


@pytest.mark.protocol("V-14")
async def test_a_server_that_is_silent_about_the_modern_era_is_of_an_older_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mcp_runtime.client.transports.duplex._PROBE_SECONDS", 0.1)

    async with Client(peer("legacy", "mute")) as client:
        assert client.protocol_version == "2025-11-25"


@pytest.mark.protocol("D-04")
async def test_a_child_gets_what_it_is_given_and_none_of_our_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OUR_SECRET", "s")

    async with Client(peer("modern", env={"GIVEN": "g"}, cwd=tmp_path)) as client:
        assert (await client.call_tool("environment", {"name": "GIVEN"})).data == "g"
        assert (await client.call_tool("environment", {"name": "OUR_SECRET"})).data is None
        assert (await client.call_tool("who")).data[1] == str(tmp_path)


@pytest.mark.fastmcp("CL-05")
@pytest.mark.protocol("D-03")
async def test_a_child_that_does_not_leave_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "_GRACE_SECONDS", 0.1)
    async with Client(peer("modern", "stubborn")) as client:
        pid = (await client.call_tool("who")).data[0]

    assert not running(pid)


@pytest.mark.fastmcp("CL-05", "CL-21")
async def test_a_child_that_is_kept_alive_is_met_again() -> None:
    client = Client(peer("legacy", keep_alive=True))
    async with client:
        first = (await client.call_tool("who")).data[0]
    async with client:
        assert (await client.call_tool("who")).data[0] == first
    await client.close()

    assert not running(first)


async def test_the_death_of_a_child_is_told_to_who_waits() -> None:
    async with Client(peer("modern")) as client:
        with pytest.raises(ClientError, match=r"has ended \(exit code 3\)"):
            await client.call_tool("die")
        with pytest.raises(ClientError, match="is not running"):
            await client.call_tool("add", {"a": 1, "b": 1})


async def test_a_child_that_ends_at_once_is_an_error() -> None:
    with pytest.raises(ClientError, match=r"exit code 7|does not listen"):
        async with Client(peer("modern", "dying")):
            pass


async def test_a_command_that_does_not_exist_is_named() -> None:
    with pytest.raises(ClientError, match="'/nowhere/server' cannot be started: No such file"):
        async with Client(StdioTransport("/nowhere/server", [])):
            pass


@pytest.mark.fastmcp("CL-21")
@pytest.mark.protocol("D-01")
async def test_what_a_child_says_beside_the_protocol_goes_into_its_log(tmp_path: Path) -> None:
    log = tmp_path / "server.log"

    async with Client(peer("modern", "noisy", log_file=log)):
        await wait_until_async(lambda: log.read_text() == "I am the peer\n")


@pytest.mark.fastmcp("CL-03", "CL-04")
def test_files_are_run_by_what_their_names_say(tmp_path: Path) -> None:
    python, script = tmp_path / "server.py", tmp_path / "server.js"
    python.touch()
    script.touch()

    first, second, third = transport_for(str(python)), transport_for(python), transport_for(str(script))

    assert isinstance(first, PythonStdioTransport)
    assert isinstance(second, PythonStdioTransport)
    assert isinstance(third, NodeStdioTransport)
    assert (first.command, first.args[-1]) == (sys.executable, str(python))
    assert (third.command, third.args) == ("node", [str(script)])


@pytest.mark.fastmcp("CL-21")
def test_tools_of_the_trade_are_started_as_they_want_to_be(tmp_path: Path) -> None:
    def line(transport: StdioTransport) -> list[str]:
        return [transport.command, *transport.args]

    script = tmp_path / "server.py"
    script.touch()
    assert line(UvxStdioTransport("tool", ["-x"], python_version="3.12", from_package="pkg", with_packages=["a"])) == [
        *("uvx", "--python", "3.12", "--from", "pkg", "--with", "a", "tool", "-x")
    ]
    assert line(UvStdioTransport("mod", ["-x"], module=True, project_directory=tmp_path, with_packages=["a"])) == [
        *("uv", "run", "--directory", str(tmp_path), "--with", "a", "python", "-m", "mod", "-x")
    ]
    assert line(NpxStdioTransport("@scope/pkg", ["-x"])) == ["npx", "--prefer-offline", "@scope/pkg", "-x"]
    assert line(FastMCPStdioTransport(script)) == ["fastmcp", "run", str(script)]
    with pytest.raises(FileNotFoundError, match="There is no file"):
        PythonStdioTransport(tmp_path / "absent.py")
    with pytest.raises(NotADirectoryError, match="There is no folder"):
        NpxStdioTransport("p", project_directory=tmp_path / "absent")


async def test_a_failed_tool_of_a_child_raises_its_text() -> None:
    async with Client(peer("modern")) as client:
        with pytest.raises(ToolError, match="a"):
            await client.call_tool("add", {"a": "x", "b": 1})


async def test_many_calls_share_the_pipe() -> None:
    async with Client(peer("modern")) as client:
        answers = await asyncio.gather(*(client.call_tool("add", {"a": n, "b": n}) for n in range(50)))
    assert [answer.data for answer in answers] == [2 * n for n in range(50)]


SERVER = """
from mcp_runtime.framework import Context, FastMCP

mcp = FastMCP("counter")


@mcp.tool
async def count(ctx: Context) -> int:
    number = (await ctx.get_state("number") or 0) + 1
    await ctx.set_state("number", number)
    return number


@mcp.tool
async def ask(ctx: Context) -> str:
    return (await ctx.elicit("Name?")).data


if __name__ == "__main__":
    mcp.run()
"""


@pytest.mark.fastmcp("C-10", "CL-03", "X-01")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_file_that_runs_its_server_asks_and_keeps_the_state_of_its_client(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "server.py"
    path.write_text(SERVER)
    env = {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    transport = PythonStdioTransport(path, env=env, keep_alive=False, log_file=tmp_path / "log", mode=mode)

    async with Client(transport, elicitation_handler=lambda *_: "Ada") as client:
        assert [(await client.call_tool("count")).data for _ in range(2)] == [1, 2]
        assert (await client.call_tool("ask")).content[0].text == "Ada"


@pytest.mark.fastmcp("CL-03")
async def test_where_the_names_are_ours_they_are_ours_in_the_child(tmp_path: Path) -> None:
    path = tmp_path / "server.py"
    path.write_text(SERVER.replace("mcp_runtime.framework", "fastmcp").replace('"counter"', "FastMCP.__module__"))
    env = {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    aliases.install()
    try:
        transport = PythonStdioTransport(path, env=env, keep_alive=False, log_file=tmp_path / "log")
    finally:
        aliases.uninstall()

    async with Client(transport) as client:
        assert client.server_info.name.startswith("mcp_runtime.framework")
