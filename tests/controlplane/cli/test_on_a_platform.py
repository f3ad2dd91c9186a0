"""The command as people use it, against a platform that runs: its web, worker, runner and databases are real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.support import RunningPlatform, wait_until
from tests.support.platform import clean_environment

ROOT = Path(__file__).parents[3]
STOA = str(Path(sys.executable).parent / "stoa")
SERVER = """from fastmcp import FastMCP

mcp = FastMCP("x")


@mcp.tool
def say(word: str) -> str:
    return "{}" + word
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def stoa(running_platform: RunningPlatform, tmp_path: Path) -> Run:
    """`stoa("deploy", path)`, as from a terminal in an empty folder."""

    def run(*arguments: str, given: str = "", status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [STOA, *arguments],
            env={**clean_environment(), "STOA_HOME": str(running_platform.home)},
            cwd=tmp_path, input=given, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == status, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A project with a name of the test's own."""
    folder = tmp_path / request.node.name.replace("_", "-")[5:40].strip("-")
    folder.mkdir()
    (folder / "server.py").write_text(SERVER.format("one "))
    return folder


def test_the_example_is_deployed_and_called(stoa: Run) -> None:
    deployed = stoa("deploy", str(ROOT / "examples" / "weather.py"), "--tenant", "demo")
    called = stoa("call", "weather", "get_forecast", "-a", "city=Lima")

    assert "Building revision" in deployed.stderr
    assert "/t/demo/weather/mcp" in deployed.stdout
    assert "get_forecast" in deployed.stdout
    assert called.stdout == "Lima: fog, 8 to 14 °C.\n"


def test_a_call_is_on_record_within_seconds(stoa: Run, running_platform: RunningPlatform) -> None:
    stoa("call", "demo", "add", "-a", "a=1", "-a", "b=2")
    address = f"{running_platform.dashboard_url}/api/v1/tenants/demo/calls?name=add&limit=1"
    headers = {"Authorization": f"Bearer {running_platform.api_key}"}

    found = wait_until(lambda: httpx2.get(address, headers=headers, timeout=60).json(), 20)

    assert isinstance(found, list)
    assert (found[0]["endpoint"], found[0]["method"], found[0]["outcome"]) == ("demo", "tools/call", "ok")


def test_the_demo_answers_with_progress(stoa: Run) -> None:
    counted = stoa("call", "demo", "count", "-a", "to=2", "-a", "seconds=0")
    added = stoa("call", "demo", "add", "-a", "a=1", "-a", "b:=2", "--json")

    assert counted.stdout == "Counted to 2.\n"
    assert "[2/2] 2 of 2" in counted.stderr
    assert json.loads(added.stdout)["structuredContent"] == {"result": 3}


def test_a_broken_file_says_where_and_the_running_revision_serves_on(stoa: Run, folder: Path) -> None:
    stoa("deploy", str(folder))
    (folder / "server.py").write_text(SERVER.format("two ") + "\nimport nothing_like_this\n")

    broken = stoa("deploy", str(folder), status=1)
    called = stoa("call", folder.name, "say", "-a", "word=hello")

    assert "nothing_like_this" in broken.stderr
    assert "line 10" in broken.stderr
    assert "hint: " in broken.stderr
    assert called.stdout == "one hello\n"


def test_a_syntax_error_shows_the_line(stoa: Run, folder: Path) -> None:
    (folder / "server.py").write_text("mcp = (\n")

    broken = stoa("deploy", str(folder), status=1)

    assert "SyntaxError" in broken.stderr
    assert "line 1" in broken.stderr


def test_a_rollback_serves_the_revision_before(stoa: Run, folder: Path) -> None:
    stoa("deploy", str(folder))
    (folder / "server.py").write_text(SERVER.format("two "))
    stoa("deploy", str(folder))
    newer = stoa("call", folder.name, "say", "-a", "word=hello")

    stoa("rollback", folder.name)
    older = wait_until(lambda: _says(stoa, folder.name, "one hello\n"))

    assert newer.stdout == "two hello\n"
    assert older
    assert "Activating revision 2." in stoa("logs", folder.name).stderr


def test_a_zip_of_a_folder_is_that_folder(stoa: Run, tmp_path: Path) -> None:
    archive = tmp_path / "zipped.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("project/app.py", SERVER.format("zip "))
        bundle.writestr("project/helper.py", "x = 1\n")

    stoa("deploy", str(archive), "--entrypoint", "app.py:mcp")

    assert stoa("call", "zipped", "say", "-a", "word=it").stdout == "zip it\n"


def test_a_secret_reaches_the_code_and_nothing_else(stoa: Run, folder: Path, running_platform: RunningPlatform) -> None:
    source = SERVER.replace("from fastmcp", "import os\nfrom fastmcp").replace("word: str", "word: str = ''")
    (folder / "server.py").write_text(source.replace('"{}" + word', 'os.environ.get("TOKEN", "none")'))
    stoa("deploy", str(folder))
    stoa("secrets", "set", folder.name, "TOKEN", given="canary-41c7\n")

    called = wait_until(lambda: _says(stoa, folder.name, "canary-41c7\n"))
    listed = stoa("secrets", "ls", folder.name)
    stoa("secrets", "rm", folder.name, "TOKEN")

    assert called
    assert "TOKEN" in listed.stdout
    assert "canary-41c7" not in listed.stdout + running_platform.log.read_text()
    assert wait_until(lambda: _says(stoa, folder.name, "none\n"))


def test_a_key_is_made_works_and_stops_working(stoa: Run, running_platform: RunningPlatform) -> None:
    made = stoa("keys", "create", "for a test", "--scope", "mcp:call")
    identifier = made.stderr.split()[1]
    call = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    headers = {"authorization": f"Bearer {made.stdout.strip()}", "accept": "application/json, text/event-stream"}

    def status() -> int:
        return httpx2.post(running_platform.endpoint_url, json=call, headers=headers, timeout=60).status_code

    before = status()
    stoa("keys", "revoke", identifier)

    assert before == 200
    assert wait_until(lambda: status() == 401, 5)
    assert identifier in stoa("keys", "ls").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("call", "demo", "nothing"), "No tool named 'nothing'"),
        (("call", "nothing", "add"), "nothing"),
        (("call", "demo", "add", "-a", "a=one", "-a", "b=2"), "failed"),
        (("call", "demo", "add", "-a", "a"), "no argument"),
        (("rollback", "nothing"), "No server named 'nothing'"),
        (("logs", "nothing"), "No server named 'nothing'"),
        (("servers", "--tenant", "globex"), "No tenant named 'globex'"),
        (("servers", "--url", "http://127.0.0.1:9"), "No API key"),
        (("deploy", "nothing.py"), "no file or folder"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(stoa: Run, arguments: tuple[str, ...], said: str) -> None:
    refused = stoa(*arguments, status=1)

    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_platform_that_is_away_is_named() -> None:
    done = subprocess.run(
        [STOA, "servers", "--url", "http://127.0.0.1:9", "--tenant", "acme"],
        env={**os.environ, "STOA_API_KEY": "stoa_x"}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "No answer from http://127.0.0.1:9" in done.stderr


def test_misuse_ends_with_status_2(stoa: Run) -> None:
    stoa("call", status=2)


def test_the_owner_gets_a_link_to_set_a_password(stoa: Run, running_platform: RunningPlatform) -> None:
    link = stoa("manage", "password_link", "owner@demo.localhost").stdout.strip()

    page = httpx2.get(link, follow_redirects=True, timeout=60)

    assert link.startswith(running_platform.dashboard_url)
    assert "Set your password" in page.text


def test_a_log_continues_behind_the_last_line(stoa: Run, folder: Path, running_platform: RunningPlatform) -> None:
    stoa("deploy", str(folder))
    base = f"{running_platform.dashboard_url}/api/v1/tenants/demo"
    with httpx2.Client(headers={"authorization": f"Bearer {running_platform.api_key}"}, timeout=30) as client:
        revision = client.get(f"{base}/servers/{folder.name}/revisions").json()[0]["id"]

        whole = client.get(f"{base}/revisions/{revision}/log").text
        rest = client.get(f"{base}/revisions/{revision}/log", headers={"last-event-id": "2"}).text

    assert "id: 1\nevent: line\n" in whole
    assert "id: 3\n" in rest
    assert "id: 2\n" not in rest
    assert '"status": "active"' in rest.split("event: end\ndata: ")[1]


def test_readers_who_hang_up_leave_nothing_behind(stoa: Run, folder: Path, running_platform: RunningPlatform) -> None:
    stoa("deploy", str(folder))
    base = f"{running_platform.dashboard_url}/api/v1/tenants/demo"
    with httpx2.Client(headers={"authorization": f"Bearer {running_platform.api_key}"}, timeout=30) as client:
        revision = client.get(f"{base}/servers/{folder.name}/revisions").json()[0]["id"]
        for _ in range(30):
            with client.stream("GET", f"{base}/revisions/{revision}/log") as stream:
                next(stream.iter_lines())

        ready = client.get(f"{running_platform.dashboard_url}/readyz")

    assert ready.status_code == 200


def _says(stoa: Run, server: str, text: str) -> bool:
    """Asked until it is so: a worker finishes what it does before the next one starts."""
    return stoa("call", server, "say", "-a", "word=hello").stdout == text


def test_the_doctor_finds_nothing_wrong(stoa: Run) -> None:
    found = {finding["check"]: finding["level"] for finding in json.loads(stoa("doctor", "--json").stdout)}

    assert found.pop("sandbox") in ("ok", "warning")  # as this machine allows
    assert found.pop("mail") == "warning"
    assert set(found.values()) == {"ok"}, found
