"""How a server is installed and run for good (FASTMCP 1.1, 1.13): deploy/standalone, and what its files start."""

from __future__ import annotations

import asyncio
import configparser
import contextlib
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mcp_runtime.client import Client

ROOT = Path(__file__).parents[2]
FILES = ROOT / "deploy" / "standalone"
TOOLS = Path(sys.executable).parent
SERVER = """
import os
from fastmcp import FastMCP

mcp = FastMCP("production")

@mcp.tool
def secret() -> str:
    return os.environ["WORD"]
"""


def _unit() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(FILES / "mcp-server.service")
    return parser["Service"]


def _image_command() -> list[str]:
    command: list[str] = json.loads(re.findall(r"^CMD (\[.*\])$", (FILES / "Dockerfile").read_text(), re.MULTILINE)[-1])
    return command


@contextlib.asynccontextmanager
async def _started(command: list[str], folder: Path) -> AsyncIterator[int]:
    """A command of a deployment file, on a port that is free here."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    program = str(TOOLS / Path(command[0]).name)
    process = await asyncio.create_subprocess_exec(
        program, *(port if word == "8000" else word for word in command[1:]), cwd=folder,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env={**os.environ, "WORD": "hat"},
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            while line := await process.stderr.readline():
                if b"startup complete" in line:
                    break
        yield int(port)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


@pytest.mark.fastmcp("I-01")
def test_fastmcp_is_importable_with_nothing_installed_for_it(tmp_path: Path) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from mcp_runtime.framework import aliases; aliases.install()\n"
        "from fastmcp import FastMCP; print(FastMCP.__module__)"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "mcp_runtime.framework.server"
    assert sys.version_info >= (3, 10)


@pytest.mark.fastmcp("I-02")
def test_a_checkout_is_set_up_from_what_is_locked() -> None:
    done = subprocess.run(
        [TOOLS / "uv", "export", "--frozen", "--offline", "--no-hashes", "--quiet"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert re.search(r"^msgspec==", done.stdout, re.MULTILINE)
    assert "uv sync --frozen" in (ROOT / "Makefile").read_text().replace("bin/uv", "uv")


@pytest.mark.fastmcp("D-05", "G-26", "G-31")
async def test_what_the_image_runs_answers_over_http(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)

    async with _started(_image_command(), tmp_path) as port, Client(f"http://127.0.0.1:{port}/mcp") as client:
        result = await client.call_tool("secret")

    assert result.data == "hat"


@pytest.mark.fastmcp("D-05", "G-28", status="safer")
def test_the_image_runs_as_nobody_in_particular_and_says_how_it_is() -> None:
    lines = (FILES / "Dockerfile").read_text().splitlines()

    assert "USER mcp" in lines
    assert lines.index("USER mcp") < next(i for i, line in enumerate(lines) if line.startswith("CMD"))
    assert any(line.startswith("HEALTHCHECK") for line in lines)


@pytest.mark.fastmcp("D-06", "D-07", "G-30", status="safer")
def test_compose_starts_the_server_behind_its_proxy_and_holds_no_secret() -> None:
    text = (FILES / "compose.yaml").read_text()

    assert "version:" not in text
    assert "environment:" not in text
    assert text.count("restart: unless-stopped") == 2
    assert "cap_drop: [ALL]" in text
    assert "docker compose up -d" in text
    assert all((FILES / name).is_file() for name in ("nginx.conf", "Dockerfile"))


@pytest.mark.fastmcp("D-09", "G-21", "G-29", status="safer")
def test_the_proxy_speaks_https_and_lets_streams_through() -> None:
    text = (FILES / "nginx.conf").read_text()

    for directive in (
        "listen 443 ssl;",
        "return 308 https://$host$request_uri;",
        "proxy_buffering off;",
        "proxy_read_timeout 1h;",
        'proxy_set_header Connection "";',
        "location / {",
    ):
        assert directive in text
    assert "upgrade" not in text.lower()


@pytest.mark.fastmcp("D-10", "D-11", "G-20", "G-30", status="safer")
async def test_the_unit_starts_the_server_again_and_holds_no_secret(tmp_path: Path) -> None:
    unit = _unit()
    (tmp_path / "server.py").write_text(SERVER)

    assert unit["Restart"] == "always"
    assert (unit["DynamicUser"], unit["ProtectSystem"], unit["NoNewPrivileges"]) == ("yes", "strict", "yes")
    assert "Environment" not in unit
    assert unit["EnvironmentFile"].startswith("/etc/")
    assert "systemctl enable --now" in (FILES / "mcp-server.service").read_text()
    command = shlex.split(unit["ExecStart"])
    async with _started(command, tmp_path) as port, Client(f"http://127.0.0.1:{port}/mcp") as client:
        assert (await client.call_tool("secret")).data == "hat"
