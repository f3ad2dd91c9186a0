"""What one `tools/call add(1, 2)` costs the gateway process, beside others serving the same tool bare.

    python -m benchmarks.gateway_call [--rounds 5] [--seconds 3] [--sandbox [LAUNCHER]] [--typescript]

The gateway checks a key, validates the arguments and records each call; the others do none of it. With `--sandbox` the
tool runs in a sandbox, which a runner on the second core makes, else in the process itself; then the cost is given for
the gateway alone, and for gateway, runner and worker together. The method is that of `benchmarks.peers`.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.peers import START_SECONDS, Load, Server, compare, fastmcp, gateway, on_core, sdk, typescript
from benchmarks.results import verdict
from mcp_runtime.sandbox.store import Store

FASTMCP_GOAL = 12.0
SDK_GOAL = 3.0
SANDBOX_GOAL = 5.0
"""How many times the gateway's CPU time per call the others spend, at least; through the sandbox with all counted."""


def main() -> int:
    options = _options()
    load = Load(connections=options.connections, seconds=options.seconds)
    with contextlib.ExitStack() as stack:
        environment, runner = stack.enter_context(_sandbox(options.sandbox)) if options.sandbox else ({}, None)
        ours = stack.enter_context(gateway(environment))
        both = Server("stoa, with sandbox", ours.url, ours.pid, ours.token, also=(runner,)) if runner else None
        peers = [stack.enter_context(fastmcp()), stack.enter_context(sdk())]
        if options.typescript:
            peers.append(stack.enter_context(typescript()))
        compare([server for server in (*peers, ours, both) if server is not None], load, options.rounds)
    for server in (*peers, ours, both):
        if server is not None:
            print(f"{server.name:20} {server.cost:8.0f} us of CPU per call {server.rate:8.0f} calls/s")
    if both is not None:
        return 0 if _verdict(peers[0], both, SANDBOX_GOAL) else 1
    kept = [_verdict(peers[0], ours, FASTMCP_GOAL), _verdict(peers[1], ours, SDK_GOAL)]
    return 0 if all(kept) else 1


def _verdict(peer: Server, ours: Server, goal: float) -> bool:
    return verdict(f"CPU of {peer.name} for a call of {ours.name}", peer.cost / ours.cost, goal, "times", at_least=True)


@contextlib.contextmanager
def _sandbox(launcher: str) -> Iterator[tuple[dict[str, str], int]]:
    """A runner with the peer's own tool in its store: the environment that leads the gateway to it,
    and the runner's process."""
    with tempfile.TemporaryDirectory(prefix="stoa-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)  # workers have uids of their own
        store = Store(root / "store")
        store.prepare()
        with (Path(__file__).parent / "servers" / "add.py").open("rb") as source:
            code = store.add_code(source, "add.py").digest
        command = [*on_core(-1), sys.executable, "-m", "mcp_runtime.sandbox.runner", "--launcher", launcher]
        places = {"--socket": root / "runner.sock", "--store": store.root, "--home": root / "home"}
        for option, path in places.items():
            command += [option, str(path)]
        runner = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not (root / "runner.sock").exists():
                if time.monotonic() > deadline or runner.poll() is not None:
                    raise SystemExit(f"The runner does not start with the launcher {launcher}.")
                time.sleep(0.05)
            yield {"STOA_RUNNER_SOCKET": str(root / "runner.sock"), "STOA_BENCH_CODE": code}, runner.pid
        finally:
            runner.send_signal(signal.SIGTERM)
            runner.wait(20)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--typescript", action="store_true", help="the TypeScript SDK's server as well")
    parser.add_argument("--sandbox", nargs="?", const="auto", help="run the tool in a sandbox (default launcher: auto)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
