"""What an idle worker costs in memory: proportional set size of all boxes and their zygote, shared out (SANDBOX 3).

python -m benchmarks.sandbox_memory [--workers 50] [--launcher zygote]
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from benchmarks.results import verdict
from benchmarks.sandbox_host import PLAIN, SERVER, Host, call, descendants, host, machine

GOAL_MB = 8.0


def proportional_mb(pid: int) -> float:
    """PSS of one process; 0 when it has ended."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def is_proxy(pid: int) -> bool:
    try:
        return b"mcp_runtime.sandbox.egress" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


async def measure(place: Host, workers: int, source: str) -> tuple[float, int]:
    """MB in all, and of how many processes."""
    async with place.client() as client:
        for number in range(workers):
            await call(client, place.worker(str(number), source=source))
        processes = [pid for pid in descendants(place.process.pid) if not is_proxy(pid)]
        return sum(map(proportional_mb, processes)), len(processes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, default=50)
    parser.add_argument("--launcher", default="zygote")
    options = parser.parse_args()
    good = True
    for name, source in (("a tool", PLAIN), ("a tool and a model", SERVER)):
        with host(options.launcher) as place:
            total, processes = asyncio.run(measure(place, options.workers, source))
        print(f"{options.workers} idle workers with {name}, {options.launcher}; {machine()}")
        print(f"  {total:.0f} MB in {processes} processes, zygote and helpers included")
        good = verdict(f"an idle worker with {name}, PSS", total / options.workers, GOAL_MB, "MB") and good
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
