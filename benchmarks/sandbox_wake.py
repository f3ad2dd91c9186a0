"""How long a sleeping worker takes to its first answer: from nothing to the result of a call (SANDBOX 3).

    python -m benchmarks.sandbox_wake [--times 100] [--launcher zygote]

Each time the worker is stopped, and a call wakes it: box, import of the tenant's module, lifespan, answer.
"""

from __future__ import annotations

import argparse
import asyncio
import time

from benchmarks.results import verdict
from benchmarks.sandbox_host import Host, call, host, machine, percentile

GOAL_P50_MS = 40.0
GOAL_P99_MS = 120.0


async def measure(place: Host, times: int) -> list[float]:
    """Milliseconds of each wake."""
    worker = place.worker("wake")
    figures = []
    async with place.client() as client:
        await call(client, worker)
        for _ in range(times):
            await client.retire(worker.server_id)
            while (await client.status())["workers"]:  # noqa: ASYNC110  # another process ends it
                await asyncio.sleep(0.01)
            begun = time.perf_counter()
            await call(client, worker)
            figures.append((time.perf_counter() - begun) * 1000)
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--launcher", default="zygote")
    options = parser.parse_args()
    with host(options.launcher) as place:
        figures = asyncio.run(measure(place, options.times))
    print(f"wake of a sleeping worker, {options.launcher}, {options.times} times; {machine()}")
    print(f"  min {min(figures):.1f}, p90 {percentile(figures, 0.9):.1f}, max {max(figures):.1f} ms")
    good = verdict("wake of a sleeping worker, p50", percentile(figures, 0.5), GOAL_P50_MS, "ms")
    return 0 if verdict("wake of a sleeping worker, p99", percentile(figures, 0.99), GOAL_P99_MS, "ms") and good else 1


if __name__ == "__main__":
    raise SystemExit(main())
