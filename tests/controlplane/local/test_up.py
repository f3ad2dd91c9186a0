"""`stoa up` from outside: what a user, an operator and a clumsy administrator see."""

from __future__ import annotations

import http.client
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from controlplane.local.processes import started_at
from tests.support import RunningPlatform, wait_until
from tests.support.platform import clean_environment, start_up, tail, temporary_home, wait_for
from tests.support.processes import descendants

pytestmark = pytest.mark.timeout(600)

PROGRAMS = {"postgres", "redis", "runner", "web", "worker", "tasks", "beat"}
FORBIDDEN_TO_THE_RUNNER = ("DATABASE", "REDIS", "SECRET", "KEY", "PASSWORD", "TOKEN", "POSTGRES")


@pytest.fixture
def home() -> Iterator[Path]:
    with temporary_home() as home:
        yield home


def processes(home: Path) -> dict[str, int]:
    """What the supervisor has running, by name."""
    (ledger,) = (home / "run").glob("processes-*.json")
    return {entry["name"]: entry["pid"] for entry in json.loads(ledger.read_text())}


def get(url: str, key: str = "") -> int:
    """The status of a GET; 0 when nobody answers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("GET", parts.path, headers={"Authorization": f"Bearer {key}"} if key else {})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def knows(platform: RunningPlatform, key: str) -> bool:
    return get(f"{platform.dashboard_url}/api/v1/me", key) == 200


def up(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Another `stoa up`, which is expected to end by itself."""
    command = [sys.executable, "-m", "controlplane.local", "--home", str(home), *options]
    return subprocess.run(
        command,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_everything_runs(running_platform: RunningPlatform) -> None:
    assert set(processes(running_platform.home)) == PROGRAMS
    assert get(f"{running_platform.dashboard_url}/readyz") == 200


def test_the_key_it_prints_works(running_platform: RunningPlatform) -> None:
    said = running_platform.log.read_text()

    assert running_platform.api_key in said
    assert knows(running_platform, running_platform.api_key)


@pytest.mark.parametrize("name", ["secrets.json", "demo.json"])
def test_what_is_secret_is_readable_by_its_owner_alone(running_platform: RunningPlatform, name: str) -> None:
    file = running_platform.home / name

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(running_platform.home.stat().st_mode) == 0o700


def test_a_second_one_refuses_and_names_the_first(running_platform: RunningPlatform) -> None:
    second = up(running_platform.home)

    assert second.returncode == 1
    assert f"process {running_platform.process.pid}, at {running_platform.dashboard_url}" in second.stderr


def test_a_second_one_deletes_nothing(running_platform: RunningPlatform) -> None:
    second = up(running_platform.home, "--reset", "--yes")

    assert second.returncode == 1
    assert (running_platform.home / "secrets.json").exists()


def test_the_runner_and_all_below_it_know_no_secret(running_platform: RunningPlatform) -> None:
    runner = processes(running_platform.home)["runner"]

    for pid in [runner, *(child for child, _ in descendants(runner))]:
        try:
            environment = Path(f"/proc/{pid}/environ").read_text()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # It has ended, or its sandbox lets nobody look.
        names = [entry.partition("=")[0] for entry in environment.split("\0")]
        assert [name for name in names if any(word in name for word in FORBIDDEN_TO_THE_RUNNER)] == []


def test_processes_that_serve_do_not_know_the_owner_of_the_tables(running_platform: RunningPlatform) -> None:
    for name in ("web", "worker", "beat"):
        environment = Path(f"/proc/{processes(running_platform.home)[name]}/environ").read_text()

        assert "stoa_owner" not in environment


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_what_is_killed_comes_back(running_platform: RunningPlatform, name: str) -> None:
    first = processes(running_platform.home)[name]

    os.kill(first, signal.SIGKILL)

    wait_until(lambda: processes(running_platform.home).get(name) not in (None, first), 30)
    wait_until(lambda: get(f"{running_platform.dashboard_url}/readyz") == 200, 60)
    wait_until(lambda: knows(running_platform, running_platform.api_key), 30)


def test_a_killed_supervisor_leaves_nothing_and_the_next_start_has_everything(home: Path) -> None:
    log = home.parent / "up.log"
    process = start_up(home, log)
    try:
        first = wait_for(process, home, log)
        left = descendants(process.pid)
        size = log.stat().st_size

        process.kill()
        process.wait()
        wait_until(lambda: not [pid for pid, started in left if started_at(pid) == started], 15)

        process = start_up(home, log)
        second = wait_for(process, home, log, since=size)
        assert (second.dashboard_url, second.api_key) == (first.dashboard_url, first.api_key)
        assert knows(second, first.api_key)
        assert first.api_key not in log.read_bytes()[size:].decode()
        below = descendants(process.pid)

        process.send_signal(signal.SIGINT)

        assert process.wait(12) == 0, tail(log)
        assert [pid for pid, started in below if started_at(pid) == started] == []
    finally:
        process.kill()
        process.wait()


def test_a_stop_while_it_is_starting_leaves_nothing(home: Path) -> None:
    log = home.parent / "up.log"
    process = start_up(home, log)
    wait_until(lambda: list((home / "run").glob("processes-*.json")) and "postgres" in processes(home), 60)
    below = descendants(process.pid)

    process.send_signal(signal.SIGTERM)

    assert process.wait(12) == 0, tail(log)
    assert [pid for pid, started in below if started_at(pid) == started] == []


def test_reset_asks_first(home: Path) -> None:
    home.mkdir()
    (home / "secrets.json").write_text("{}")

    refused = up(home, "--reset")

    assert refused.returncode == 1
    assert "Add --yes" in refused.stderr
    assert (home / "secrets.json").exists()


def test_half_of_a_foreign_database_is_refused(home: Path) -> None:
    environment = {**clean_environment(), "DATABASE_URL": "postgresql://stoa_app@localhost/stoa"}

    ended = subprocess.run(
        [sys.executable, "-m", "controlplane.local", "--home", str(home)],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert ended.returncode == 1
    assert "DATABASE_OWNER_URL is not" in ended.stderr


def test_check_tells_what_there_is(home: Path) -> None:
    checked = up(home, "--check")

    assert checked.returncode == 0, checked.stdout
    assert [line.split()[1].rstrip(":") for line in checked.stdout.splitlines()] == [
        "Python", "folder", "PostgreSQL", "Redis",
    ]  # fmt: skip
