"""What the hop into a warm worker costs the gateway process, and how many calls go through it (SANDBOX 4).

    python -m benchmarks.sandbox_call [--calls 5000] [--launcher zygote]

Only the client side runs here, on uvloop as in the gateway; CPU time is this process's own.
"""

from __future__ import annotations

import argparse
import asyncio
import time

import uvloop

from benchmarks.results import verdict
from benchmarks.sandbox_host import Host, call, host, machine

GOAL_US = 60.0
IN_FLIGHT = (1, 16, 32)


async def measure(place: Host, calls: int) -> dict[int, tuple[float, float]]:
    """CPU microseconds a call, and calls a second, by calls in flight."""
    worker = place.worker("call")
    figures = {}
    async with place.client() as client:
        await call(client, worker)
        for in_flight in IN_FLIGHT:

            async def caller(count: int) -> None:
                for _ in range(count):
                    await call(client, worker)

            await caller(50)
            cpu, wall = time.process_time(), time.perf_counter()
            await asyncio.gather(*(caller(calls // in_flight) for _ in range(in_flight)))
            done = calls // in_flight * in_flight
            figures[in_flight] = ((time.process_time() - cpu) / done * 1e6, done / (time.perf_counter() - wall))
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--launcher", default="zygote")
    options = parser.parse_args()
    with host(options.launcher) as place:
        figures = uvloop.run(measure(place, options.calls))
    print(f"calls into a warm worker, {options.launcher}; {machine()}")
    for in_flight, (cpu, rate) in figures.items():
        print(f"  {in_flight:3} in flight: {cpu:6.1f} us of the gateway's CPU, {rate:7.0f} calls a second")
    return 0 if verdict("gateway CPU of the hop, 16 in flight", figures[16][0], GOAL_US, "us") else 1


if __name__ == "__main__":
    raise SystemExit(main())
