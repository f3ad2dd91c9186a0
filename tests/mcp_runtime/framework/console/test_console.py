"""`run`, `dev`, `inspect` (FASTMCP L-01 to L-03)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import runpy
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from mcp_runtime.client import Client
from mcp_runtime.client.transports.stdio import StdioTransport
from mcp_runtime.framework import aliases
from mcp_runtime.framework.console import loading
from mcp_runtime.framework.console.loading import SourceError
from mcp_runtime.framework.console.main import main
from mcp_runtime.framework.console.reloading import changes
from mcp_runtime.sandbox import runtime_dir

ROOT = Path(__file__).parents[4]
COMMAND = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}]
from mcp_runtime.framework.console.main import main
sys.exit(main())
"""
SERVER = """
import sys
from fastmcp import FastMCP

mcp = FastMCP("weather")
other = FastMCP("other")

@mcp.tool
def forecast(city: str) -> str:
    "The weather."
    return f"Sunny in {city}" + "".join(sys.argv[1:])

def make():
    return FastMCP("made")

if __name__ == "__main__":
    raise SystemExit("the file is imported, not run")
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with server.py, the working folder; what other tests imported as fastmcp is put aside."""
    (tmp_path / "server.py").write_text(SERVER)
    monkeypatch.chdir(tmp_path)
    kept = {name: one for name, one in sys.modules.items() if name.partition(".")[0] in aliases.TOPS}
    modules, path, argv = set(sys.modules), list(sys.path), sys.argv
    for name in kept:
        del sys.modules[name]
    yield tmp_path
    aliases.uninstall()
    for name in set(sys.modules) - modules:
        if name.partition(".")[0] in (*aliases.TOPS, "server", "json_", "server_json"):
            del sys.modules[name]
    sys.modules.update(kept)
    sys.path[:], sys.argv = path, argv


def _command(*arguments: str) -> list[str]:
    return ["-c", COMMAND, *arguments]


@contextlib.asynccontextmanager
async def _running(*arguments: str, until: str) -> AsyncIterator[str]:
    """The command in a process, from the moment at which it has said something that matches; gives what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *_command(*arguments), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stderr is not None
    said = ""
    try:
        async with asyncio.timeout(60):
            while not re.search(until, said):
                line = await process.stderr.readline()
                assert line, said
                said += line.decode()
        yield said
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@pytest.mark.fastmcp("L-01", "D-02")
@pytest.mark.parametrize(
    ("source", "name"),
    [("server.py", "weather"), ("server.py:other", "other"), ("server.py:make", "made"), (None, "weather")],
)
def test_a_file_is_imported_and_its_server_found(here: Path, source: str | None, name: str) -> None:
    assert loading.load(source).server.name == name


@pytest.mark.fastmcp("L-02")
def test_what_follows_the_dashes_is_the_servers(here: Path) -> None:
    loading.load("server.py", ["--units", "metric"])

    assert sys.argv[1:] == ["--units", "metric"]


@pytest.mark.fastmcp("L-02")
async def test_fastmcp_json_names_the_server_and_how_it_runs(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "andes")
    monkeypatch.setenv("PLACE", "")
    (here / "fastmcp.json").write_text(
        json.dumps(
            {
                "source": {"path": "server.py", "entrypoint": "other"},
                "deployment": {"transport": "http", "port": 9, "env": {"PLACE": "the ${REGION}"}, "args": ["--x"]},
            }
        )
    )

    loaded = loading.load(None)

    assert loaded.server.name == "other"
    assert loaded.options == {"transport": "http", "port": 9}
    assert os.environ["PLACE"] == "the andes"
    assert sys.argv[1:] == ["--x"]


@pytest.mark.fastmcp("L-02")
async def test_mcp_json_makes_one_server_of_several(here: Path) -> None:
    arguments = _command("run", "server.py", "--no-banner")
    servers = {name: {"command": sys.executable, "args": arguments} for name in ("north", "south")}
    (here / "mcp.json").write_text(json.dumps({"mcpServers": servers}))

    server = loading.load("mcp.json").server

    async with Client(server) as client:
        assert sorted(tool.name for tool in await client.list_tools()) == ["north_forecast", "south_forecast"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nothing.py", "There is no file 'nothing.py'"),
        ("notes.txt", "no Python file"),
        ("broken.json", "is not JSON"),
        ("empty.json", "names no server"),
    ],
)
def test_what_cannot_be_run_is_named_with_the_remedy(here: Path, source: str, words: str) -> None:
    (here / "notes.txt").write_text("")
    (here / "broken.json").write_text("{")
    (here / "empty.json").write_text("{}")

    with pytest.raises(SourceError, match=words):
        loading.load(source)


@pytest.mark.fastmcp("L-01", "X-01", "D-02")
async def test_run_speaks_stdio(here: Path) -> None:
    transport = StdioTransport(sys.executable, _command("run", "server.py", "--", "!"), cwd=str(here))

    async with Client(transport) as client:
        result = await client.call_tool("forecast", {"city": "Lima"})

    assert result.data == "Sunny in Lima!"


@pytest.mark.fastmcp("L-02", "D-03")
async def test_run_speaks_http_where_it_is_told_to(here: Path) -> None:
    port = _free_port()

    async with (
        _running("run", "server.py", "-t", "http", "--host", "127.0.0.1", "--port", str(port), "--path", "/here",
                 until="startup complete") as said,
        Client(f"http://127.0.0.1:{port}/here") as client,
    ):  # fmt: skip
        result = await client.call_tool("forecast", {"city": "Lima"})

    assert result.data == "Sunny in Lima"
    assert f"http://127.0.0.1:{port}/here" in said


@pytest.mark.fastmcp("L-03")
async def test_dev_has_a_page_under_a_path_that_nobody_can_guess(here: Path) -> None:
    port = _free_port()

    async with _running("dev", "server.py", "--port", str(port), until=r"/inspector/\S+") as said:
        address = re.search(r"http://\S+/inspector/\S{32}", said)
        assert address is not None
        async with httpx2.AsyncClient(timeout=60) as http, asyncio.timeout(60):
            while True:
                with contextlib.suppress(httpx2.TransportError):
                    page = await http.get(address[0])
                    guessed = await http.get(f"http://127.0.0.1:{port}/inspector/guess")
                    foreign = await http.post(
                        f"http://127.0.0.1:{port}/mcp", headers={"origin": "https://evil.example"}
                    )
                    break
                await asyncio.sleep(0.05)

    assert "Inspector" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert guessed.status_code == 404
    assert foreign.status_code == 403


@pytest.mark.fastmcp("L-02")
async def test_reload_starts_anew_when_a_file_changes(here: Path) -> None:
    port = _free_port()

    async with _running("run", "server.py", "-t", "http", "-p", str(port), "--reload", until="startup complete"):
        (here / "server.py").write_text(SERVER.replace("Sunny", "Rainy"))
        os.utime(here / "server.py", (1, 1))
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(Exception):
                    async with Client(f"http://127.0.0.1:{port}/mcp", timeout=2) as client:
                        result = await client.call_tool("forecast", {"city": "Lima"})
                    if result.data.startswith("Rainy"):
                        break
                await asyncio.sleep(0.05)

    assert result.data == "Rainy in Lima"


def test_changes_are_noticed_in_what_a_server_is_made_of(here: Path) -> None:
    before = changes(here, {})
    (here / "more.py").write_text("")
    (here / "notes.md").write_text("")
    (here / "__pycache__").mkdir()
    (here / "__pycache__" / "x.py").write_text("")

    assert [path.name for path in changes(here, before)] == ["more.py"]


@pytest.mark.fastmcp("L-03")
def test_inspect_lists_what_there_is(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["inspect", "server.py", "--format", "json"])

    found = json.loads(capsys.readouterr().out)
    assert status == 0
    assert found["server"]["name"] == "weather"
    assert [tool["name"] for tool in found["tools"]] == ["forecast"]


@pytest.mark.fastmcp("L-03")
def test_version_names_the_protocols(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert "2026-07-28" in capsys.readouterr().out


def test_a_refusal_is_one_line_and_status_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "missing.py"]) == 1
    assert capsys.readouterr().err.startswith("fastmcp: There is no file 'missing.py'.")


def test_an_unknown_option_is_misuse(here: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", "server.py", "--speed", "9"])

    assert caught.value.code == 2


@pytest.mark.fastmcp("L-01")
def test_the_package_runs_as_a_program(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m fastmcp version`, where the names are ours."""
    aliases.install()
    monkeypatch.setattr(sys, "argv", ["fastmcp", "version"])

    with pytest.raises(SystemExit) as caught:
        runpy.run_module("fastmcp", run_name="__main__")

    assert caught.value.code == 0
    assert "2026-07-28" in capsys.readouterr().out


@pytest.mark.fastmcp("L-01")
def test_sandboxes_have_the_command(tmp_path: Path) -> None:
    runtime = runtime_dir.assemble(tmp_path)

    program = f"""
import runpy, sys
sys.path[:0] = [{str(runtime)!r}]
sys.argv = ["fastmcp", "version"]
runpy.run_module("fastmcp", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "2026-07-28" in done.stdout
