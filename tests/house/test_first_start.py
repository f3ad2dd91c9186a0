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
from pathlib import Path

import pytest

from tests.support import wait_until
from tests.support.platform import clean_environment, tail

ROOT = Path(__file__).parents[2]
IGNORED = shutil.ignore_patterns(".git", ".venv*", ".stoa", "__pycache__", ".*_cache", "node_modules", ".hypothesis")
START_SECONDS = 300.0


@pytest.fixture(scope="module")
def clone() -> Iterator[Path]:
    """A copy of the sources under a short path, as sockets want it."""
    with tempfile.TemporaryDirectory(prefix="stoa-clone-") as folder:
        yield Path(shutil.copytree(ROOT, Path(folder) / "stoa", ignore=IGNORED))


@pytest.mark.timeout(START_SECONDS + 60)
def test_make_up_ends_with_a_command_that_works(clone: Path, tmp_path: Path) -> None:
    log = tmp_path / "up.log"
    environment = {**clean_environment(), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    command = ["make", "--no-print-directory", "up", f"PYTHON={system_python()}"]
    with log.open("wb") as output:
        up = subprocess.Popen(
            command,
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

        demo = json.loads((clone / ".stoa" / "demo.json").read_text())
        said = log.read_text()
        printed = next(line.strip() for line in said.splitlines() if "stoa call demo" in line)
        answer = subprocess.run(
            shlex.split(printed), cwd=clone, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

        assert set(demo) == {"dashboard_url", "endpoint_url", "api_key"}
        assert all(value in said for value in demo.values())
        assert answer.returncode == 0, f"{answer.stdout}\n{answer.stderr}\n{tail(log)}"
        assert "3" in answer.stdout
    finally:
        os.killpg(up.pid, signal.SIGINT)  # as a terminal does
        up.wait(30)


def system_python() -> str:
    """The interpreter that this environment was made from."""
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")
