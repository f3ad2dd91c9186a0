"""The README's first command on a bare machine: a clean copy, no uv, nothing on PATH but the system's own."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser.chromium import CHROMIUM, chromium
from tests.browser.newcomer import from_link_to_call
from tests.support import machine_seconds, wait_until
from tests.support.platform import clean_environment, tail

ROOT = Path(__file__).parents[2]
IGNORED = shutil.ignore_patterns(".git", ".venv*", ".stoa", "__pycache__", ".*_cache", "node_modules", ".hypothesis")
START_SECONDS = 300.0


@pytest.fixture(scope="module")
def clone() -> Iterator[Path]:
    """A copy of the sources under a short path, as sockets want it."""
    with tempfile.TemporaryDirectory(prefix="stoa-clone-") as folder:
        yield Path(shutil.copytree(ROOT, Path(folder) / "stoa", ignore=IGNORED))


@dataclass(frozen=True, slots=True)
class Started:
    """`make up`, ready."""

    clone: Path
    environment: dict[str, str]
    log: Path
    seconds: float
    """What it took, installing everything."""


@pytest.fixture(scope="module")
def started(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    log = tmp_path_factory.mktemp("first-start") / "up.log"
    environment = {**clean_environment(), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    began = machine_seconds()
    with log.open("wb") as output:
        up = subprocess.Popen(
            ["make", "--no-print-directory", "up", f"PYTHON={system_python()}"],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: up.poll() is not None or "Ctrl-C stops everything" in log.read_text(), START_SECONDS)
        assert up.poll() is None, tail(log)
        yield Started(clone, environment, log, machine_seconds() - began)
    finally:
        os.killpg(up.pid, signal.SIGINT)  # as a terminal does
        up.wait(30)


@pytest.mark.timeout(START_SECONDS + 60)
def test_make_up_ends_with_a_command_that_works(started: Started) -> None:
    demo = json.loads((started.clone / ".stoa" / "demo.json").read_text())
    said = started.log.read_text()
    printed = next(line.strip() for line in said.splitlines() if "stoa call demo" in line)
    answer = subprocess.run(
        shlex.split(printed), cwd=started.clone, env=started.environment,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert set(demo) == {"dashboard_url", "endpoint_url", "api_key"}
    assert all(value in said for value in demo.values())
    assert answer.returncode == 0, f"{answer.stdout}\n{answer.stderr}\n{tail(started.log)}"
    assert "3" in answer.stdout


if CHROMIUM:  # on Debian: `apt install chromium`

    def test_a_newcomer_comes_from_make_up_to_a_client_s_call(started: Started) -> None:
        demo = json.loads((started.clone / ".stoa" / "demo.json").read_text())
        welcome = next(word for word in started.log.read_text().split() if "/welcome/" in word)
        began = machine_seconds()

        with chromium() as browser:
            used = from_link_to_call(browser.new_page(), welcome, demo["api_key"])

        assert used < 60
        assert started.seconds + machine_seconds() - began < 5 * 60


def system_python() -> str:
    """The interpreter that this environment was made from."""
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")
