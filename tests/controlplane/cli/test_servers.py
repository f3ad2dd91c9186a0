"""`stoa run`, `stoa dev` and `stoa inspect`: one server without a platform."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.fastmcp("L-03")
def test_stoa_inspect_lists_a_servers_tools() -> None:
    command = [str(Path(sys.executable).parent / "stoa"), "inspect", "examples/weather.py"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert "get_forecast" in done.stdout


def test_the_commands_help_names_the_verbs() -> None:
    command = [str(Path(sys.executable).parent / "stoa"), "--help"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert all(verb in done.stdout for verb in ("run", "dev", "inspect"))
