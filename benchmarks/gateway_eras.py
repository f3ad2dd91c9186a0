"""What one `tools/call add(1, 2)` costs the gateway over each era, beside `fastmcp` bare.

    python -m benchmarks.gateway_eras [--rounds 3] [--seconds 2]

Both eras without sessions and with plain JSON answers; the method is that of `benchmarks.peers`.
"""

from __future__ import annotations

import argparse
import contextlib
import sys

from benchmarks.peers import Load, compare, fastmcp, gateway
from benchmarks.results import verdict

GOALS = {"2026-07-28": 12.0, "2025-11-25": 12.0}
"""How many times our CPU time fastmcp spends, at least."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    kept = True
    with contextlib.ExitStack() as stack:
        ours, peer = stack.enter_context(gateway()), stack.enter_context(fastmcp())
        for revision, goal in GOALS.items():
            compare([peer, ours], Load(revision=revision, seconds=options.seconds), options.rounds)
            for server in (peer, ours):
                print(f"{revision}  {server.name:10} {server.cost:8.0f} us of CPU per call {server.rate:8.0f} calls/s")
            ratio = peer.cost / ours.cost
            kept = verdict(f"CPU of fastmcp for a call of {revision}", ratio, goal, "times", at_least=True) and kept
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
