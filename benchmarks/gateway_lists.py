"""What `tools/list` and `tools/call` cost as an endpoint grows to 1,000 tools, beside the others.

    python -m benchmarks.gateway_lists [--tools 1 100 1000] [--rounds 3] [--seconds 2] [--typescript]

The method is that of `benchmarks.peers`; the gateway checks a key and records each call, the others do none of it.
"""

from __future__ import annotations

import argparse
import contextlib
import sys

from benchmarks.peers import Load, compare, fastmcp, gateway, sdk, typescript
from benchmarks.results import verdict

LIST_GOAL = 100.0
CALL_GOAL = 500.0
"""How many times our CPU time fastmcp spends with 1,000 tools, at least."""
MOST = 1_000


def main() -> int:
    options = _options()
    kept = True
    for count in options.tools:
        with contextlib.ExitStack() as stack:
            ours = stack.enter_context(gateway({"STOA_BENCH_TOOLS": str(count)}))
            peers = [stack.enter_context(fastmcp(count)), stack.enter_context(sdk(count))]
            if options.typescript:
                peers.append(stack.enter_context(typescript(count)))
            last = '"name":"add"' if count == 1 else f'"tool_{count - 2}"'
            for load, goal in (
                (Load("tools/list", last, connections=4, seconds=options.seconds), LIST_GOAL),
                (Load("tools/call", connections=4, seconds=options.seconds), CALL_GOAL),
            ):
                compare([*peers, ours], load, options.rounds)
                print(f"{load.method}, {count} tools")
                for server in (*peers, ours):
                    times = "" if server is ours else f"  {server.cost / ours.cost:8.1f} times ours"
                    print(f"  {server.name:14} {server.cost:10.0f} us {server.rate:8.0f}/s{times}")
                if count == MOST:
                    name = f"CPU of fastmcp for {load.method} with {count:,} tools"
                    kept = verdict(name, peers[0].cost / ours.cost, goal, "times", at_least=True) and kept
    return 0 if kept else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=int, nargs="+", default=[1, 100, MOST])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--typescript", action="store_true", help="the TypeScript SDK's server as well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
