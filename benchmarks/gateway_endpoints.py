"""How much more a call costs, and memory is held, with 10,000 endpoints loaded than with one.

    python -m benchmarks.gateway_endpoints [--endpoints 1 100 10000] [--rounds 5] [--seconds 3]

The calls go round all the endpoints in turn, which have all been called before. Gateways with few and with many take
turns in one run (see `benchmarks.peers`).
"""

from __future__ import annotations

import argparse
import contextlib
import sys

from benchmarks.peers import Load, Server, gateway, measure, resident_bytes, warm
from benchmarks.results import verdict

GOAL = 1.10
"""At most so many times the cost with one endpoint."""


def main() -> int:
    options = _options()
    with contextlib.ExitStack() as stack:
        loaded: list[tuple[int, Server]] = []
        for count in options.endpoints:
            server = stack.enter_context(gateway({"STOA_BENCH_ENDPOINTS": str(count)}))
            # Long enough for each to be loaded: what follows finds them in memory.
            warm(server, Load(seconds=1.0 + count / 500, endpoints=count))
            loaded.append((count, server))
        for _ in range(options.rounds):
            for count, server in loaded:
                measure(server, Load(seconds=options.seconds, endpoints=count))
        base = loaded[0][1]
        for count, server in loaded:
            memory = (resident_bytes(server.pid) - resident_bytes(base.pid)) / 1024 / max(1, count - 1)
            print(
                f"{count:7,} endpoints {server.cost:8.0f} us a call, {server.cost / base.cost:5.2f} times one, "
                f"{memory:6.1f} kB each"
            )
        ratio = loaded[-1][1].cost / base.cost
    return 0 if verdict(f"a call with {loaded[-1][0]:,} endpoints, beside one", ratio, GOAL, "times") else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoints", type=int, nargs="+", default=[1, 100, 10_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
