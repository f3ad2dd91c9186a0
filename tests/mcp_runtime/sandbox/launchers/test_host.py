"""The host goes: nobody may survive it (SANDBOX 2.2, 2.6)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mcp_runtime.sandbox.launchers.boxes import launchers_here
from tests.support.waiting import wait_until

HOST = """
import asyncio, json, sys
from pathlib import Path
from tests.mcp_runtime.sandbox.launchers.boxes import LAUNCHERS, Boxes

async def main():
    boxes = Boxes(LAUNCHERS[sys.argv[1]](), Path(sys.argv[2]), Path(sys.argv[3]))
    pids = []
    for _ in range(2):
        guest = await boxes.guest()
        await guest.run("import signal\\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)")
        await guest.start("while True: pass")
        pids.append(guest.handle.pid)
    print(json.dumps(pids + boxes.launcher.zygote_pids()), flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


@pytest.fixture(params=launchers_here())
def host(
    request: pytest.FixtureRequest, runtime: Path, open_folder: Path
) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process with two boxes that ignore signals and hold their loop, and every pid that is to go with it."""
    arguments = [sys.executable, "-c", HOST, request.param, str(runtime), str(open_folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        pids = json.loads(process.stdout.readline())
        yield process, pids
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nobody_survives_the_host(host: tuple[subprocess.Popen[str], list[int]], number: signal.Signals) -> None:
    process, pids = host
    assert all(lives(pid) for pid in pids)

    process.send_signal(number)
    process.wait(10)

    wait_until(lambda: not [pid for pid in pids if lives(pid)])


def lives(pid: int) -> bool:
    """Zombies do not count: they run nothing, and whoever adopts them collects them."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
