"""Blocks 42, 43, 44 and 61: scripts that run their server when they are started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from mcp_runtime.client import Client
from mcp_runtime.client.transports.stdio import StdioTransport
from tests.contract.cases import case
from tests.contract.document import Stage

ROOT = Path(__file__).parents[3]

LAUNCHER = """
import os, runpy, socket, sys
sys.path[:0] = [{root!r}]
bind = socket.socket.bind
socket.socket.bind = lambda self, address: bind(self, (address[0], {port}) if address[1] == 8000 else address)
from mcp_runtime.framework import aliases
aliases.install()
runpy.run_path({script!r}, run_name="__main__")
"""
"""Starts a script as `python server.py` does, where `import fastmcp` is ours and port 8000 is one that is free."""


def _script(stage: Stage, port: int = 0) -> tuple[str, list[str]]:
    script = stage.folder / "server.py"
    surroundings = "" if "import FastMCP" in stage.text else "from fastmcp import FastMCP\n"
    script.write_text(surroundings + stage.text)
    return sys.executable, ["-c", LAUNCHER.format(root=str(ROOT), port=port, script=str(script))]


@contextlib.asynccontextmanager
async def _running(stage: Stage) -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    program, arguments = _script(stage, port)
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE, env=os.environ,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        said = b""
        async with asyncio.timeout(60):
            while b"startup complete" not in said:
                line = await process.stderr.readline()
                assert line, said.decode()
                said += line
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


@case(42, "X-01", "D-01")
async def a_script_speaks_stdio(stage: Stage) -> None:
    program, arguments = _script(stage)

    async with Client(StdioTransport(program, arguments)) as client:
        assert client.initialize_result.server_info.name == "MyServer"
        assert await client.list_tools() == []


@case(43, "X-02", "D-01", "G-26")
async def a_script_speaks_http(stage: Stage) -> None:
    async with _running(stage) as port, Client(f"http://127.0.0.1:{port}/mcp") as client:
        assert client.initialize_result.server_info.name == "MyServer"


@case(44, "X-03")
async def a_script_speaks_sse(stage: Stage) -> None:
    async with _running(stage) as port, Client(f"http://127.0.0.1:{port}/sse") as client:
        assert client.initialize_result.server_info.name == "MyServer"


@case(61, "X-02", "D-04", "G-26")
async def a_production_server_listens_everywhere(stage: Stage) -> None:
    async with _running(stage) as port, Client(f"http://127.0.0.1:{port}/mcp") as client:
        result = await client.call_tool("process_data", {"data": "a hat"})

    assert result.data == "Processed: a hat"
