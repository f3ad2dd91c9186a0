"""What passing a call on to an MCP server elsewhere costs, ours beside IBM ContextForge, and how long it takes.

    python -m benchmarks.gateway_remote [--rounds 5] [--seconds 3] [--contextforge]

One upstream, served by `fastmcp` on the second core, stands behind both gateways; both check a key. The time of a call
is compared with that of the same call straight to the upstream, over one connection.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from dataclasses import replace

from benchmarks.contextforge import TOOL, contextforge
from benchmarks.peers import Load, compare, fastmcp, gateway
from benchmarks.results import verdict

LATENCY_GOAL = 2.0
"""How many times a direct call's time a call through the endpoint takes, at most (medians)."""
PEER_GOAL = 3.0
"""How many times our CPU time per call ContextForge spends, at least."""
REVISION = "2025-06-18"
"""The newest that all three speak."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--contextforge", action="store_true", help="install and run it as well")
    options = parser.parse_args()
    one = Load(connections=1, seconds=options.seconds, revision=REVISION)
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(fastmcp(core=-1))
        ours = stack.enter_context(gateway({"STOA_BENCH_REMOTE": upstream.url}))
        compare([upstream, ours], one, options.rounds)
        for server in (upstream, ours):
            print(f"{server.name:20} {server.typical * 1000:8.2f} ms per call")
        kept = verdict("time of a call through a remote member", ours.typical / upstream.typical, LATENCY_GOAL, "times")
        if options.contextforge:
            peer = stack.enter_context(contextforge(upstream.url))
            peer.tool = TOOL
            compare([ours, peer], replace(one, connections=16), options.rounds)
            for server in (ours, peer):
                print(
                    f"{server.name:20} {server.cost:8.0f} us of CPU per call {server.rate:8.0f} calls/s"
                    f" {server.typical * 1000:8.2f} ms per call, 16 at once"
                )
            ratio = peer.cost / ours.cost
            kept &= verdict("CPU of ContextForge for a call passed on", ratio, PEER_GOAL, "times", at_least=True)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
