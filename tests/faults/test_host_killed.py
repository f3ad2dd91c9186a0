"""Nothing of a tenant's outlives the platform (SANDBOX 2.2)."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.faults.conftest import launchers_here
from tests.faults.laboratory import call, laboratory
from tests.support import wait_until


def _descendants(pid: int) -> set[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
    found: set[int] = set()
    frontier = {pid}
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier} - found
        found |= frontier
    return found


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("launcher", launchers_here())
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_no_worker_survives_its_runner(launcher: str, number: signal.Signals) -> None:
    with laboratory(launcher) as lab:
        async with lab.client() as client:
            for instance in ("one", "two", "three"):
                assert await call(client, lab.server("processes", instance=instance), "outlive") == "staying"
            family = _descendants(lab.process.pid)
            assert len(family) >= 3

            os.kill(lab.process.pid, number)

            wait_until(lambda: not any(_alive(pid) for pid in family), seconds=10)
