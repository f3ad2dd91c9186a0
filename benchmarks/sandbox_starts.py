"""How many workers start a second when many are wanted at once (SANDBOX 3).

    python -m benchmarks.sandbox_starts [--burst 20] [--rounds 3] [--launcher zygote]

Counted from the first call to the last answer of a burst of servers that all sleep.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time

from benchmarks.results import verdict
from benchmarks.sandbox_host import Host, call, cpu_seconds, host, machine

GOAL_STARTS = 40.0


async def measure(place: Host, burst: int, rounds: int) -> tuple[list[float], float]:
    """Starts a second of each round, and CPU milliseconds of one start and stop, the runner's part included."""
    figures = []
    async with place.client() as client:
        await call(client, place.worker("first"))
        cpu = cpu_seconds(place.process.pid)
        for number in range(rounds):
            workers = [place.worker(f"{number}-{each}", idle_seconds=0.5) for each in range(burst)]
            begun = time.perf_counter()
            await asyncio.gather(*(call(client, worker) for worker in workers))
            figures.append(burst / (time.perf_counter() - begun))
            while len((await client.status())["workers"]) > 1:  # noqa: ASYNC110  # another process ends them
                await asyncio.sleep(0.1)
        spent = cpu_seconds(place.process.pid) - cpu
    return figures, spent / burst / rounds * 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--burst", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--launcher", default="zygote")
    options = parser.parse_args()
    with host(options.launcher) as place:
        figures, cpu = asyncio.run(measure(place, options.burst, options.rounds))
    print(f"bursts of {options.burst} starts, {options.launcher}; {machine()}")
    print("  rounds: " + ", ".join(f"{figure:.1f}" for figure in figures))
    print(f"  {cpu:.1f} ms of CPU for a start and its end: two cores of our own would make {2000 / cpu:.0f} a second")
    return 0 if verdict("starts of workers", statistics.median(figures), GOAL_STARTS, "a second", at_least=True) else 1


if __name__ == "__main__":
    raise SystemExit(main())
