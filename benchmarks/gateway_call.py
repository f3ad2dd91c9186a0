"""What one `tools/call add(1, 2)` costs the gateway process, beside fastmcp serving the same tool bare.

    python -m benchmarks.gateway_call [--rounds 5] [--seconds 3] [--sandbox [LAUNCHER]]

Both run under uvicorn with uvloop and httptools, one process each, on the first core; the load comes from another
process on the second. Rounds alternate between the two, CPU time is read from /proc before and after each, and the
medians are compared: absolute figures move by half from hour to hour, ratios do not. The gateway checks a key,
validates the arguments and records each call; with `--sandbox` the tool runs in a sandbox, which a runner on the
second core makes, else in the process itself. Only the gateway process is counted: what a sandbox spends is the
tenant's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mcp_runtime.sandbox.store import Store

GOAL = 5.0
"""At most one fifth of fastmcp's CPU time per call."""
START_SECONDS = 120.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    name: str
    url: str
    pid: int
    token: str = "none"
    microseconds: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)


def main() -> int:
    options = _options()
    with contextlib.ExitStack() as stack:
        environment = stack.enter_context(_sandbox(options.sandbox)) if options.sandbox else {}
        ours, our_port = stack.enter_context(_serve("benchmarks.servers.gateway:app", environment))
        theirs, their_port = stack.enter_context(_serve("benchmarks.servers.peer_fastmcp:app", {}))
        gateway = Server("stoa gateway", f"http://127.0.0.1:{our_port}/t/bench/add/mcp", ours, "stoa_bench")
        peer = Server("fastmcp", f"http://127.0.0.1:{their_port}/mcp", theirs)
        for server in (gateway, peer):
            _round(server, options.connections, 1.0)
            server.microseconds.clear()
            server.per_second.clear()
        for _ in range(options.rounds):
            _round(peer, options.connections, options.seconds)
            _round(gateway, options.connections, options.seconds)
    where = f"sandbox: {options.sandbox}" if options.sandbox else "tool in process"
    for server, note in ((peer, "bare"), (gateway, f"key, validation, record, {where}")):
        print(
            f"{server.name:14} {statistics.median(server.microseconds):8.0f} us of CPU per call  "
            f"{statistics.median(server.per_second):8.0f} calls/s  ({note})"
        )
    ratio = statistics.median(peer.microseconds) / statistics.median(gateway.microseconds)
    print(f"fastmcp needs {ratio:.1f} times the CPU of the gateway; the goal is {GOAL:g}.")
    return 0 if ratio >= GOAL else 1


def _round(server: Server, connections: int, seconds: float) -> None:
    before = _cpu_seconds(server.pid)
    load = subprocess.run(
        [
            *_on_core(-1), sys.executable, "-m", "benchmarks.load", server.url, "--token", server.token,
            "--connections", str(connections), "--seconds", str(seconds),
        ],
        capture_output=True,
        check=True,
        timeout=seconds * 10 + 60,
    )  # fmt: skip
    spent = _cpu_seconds(server.pid) - before
    result = json.loads(load.stdout)
    if result["errors"]:
        raise SystemExit(f"{server.name} answered {result['errors']} of {result['calls']} calls wrongly.")
    server.microseconds.append(spent / result["calls"] * 1e6)
    server.per_second.append(result["per_second"])


@contextlib.contextmanager
def _sandbox(launcher: str) -> Iterator[dict[str, str]]:
    """A runner with the peer's own tool in its store: the environment that leads the gateway to it."""
    with tempfile.TemporaryDirectory(prefix="stoa-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)  # workers have uids of their own
        store = Store(root / "store")
        store.prepare()
        with (Path(__file__).parent / "servers" / "add.py").open("rb") as source:
            code = store.add_code(source, "add.py").digest
        command = [*_on_core(-1), sys.executable, "-m", "mcp_runtime.sandbox.runner", "--launcher", launcher]
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
            yield {"STOA_RUNNER_SOCKET": str(root / "runner.sock"), "STOA_BENCH_CODE": code}
        finally:
            runner.send_signal(signal.SIGTERM)
            runner.wait(20)


@contextlib.contextmanager
def _serve(app: str, environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """A uvicorn on a free port: its process id and port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            *_on_core(0), sys.executable, "-m", "uvicorn", app, "--port", str(port),
            "--loop", "uvloop", "--http", "httptools", "--lifespan", "on", "--no-access-log", "--log-level", "warning",
        ],
        env={**os.environ, **environment},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise SystemExit(f"{app} does not start.") from None
                time.sleep(0.05)
        yield process.pid, port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _on_core(index: int) -> list[str]:
    """Servers on the first core, the load on the last: they must not disturb each other."""
    taskset = shutil.which("taskset")
    cores = sorted(os.sched_getaffinity(0))
    return [taskset, "-c", str(cores[index])] if taskset else []


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--sandbox", nargs="?", const="auto", help="run the tool in a sandbox (default launcher: auto)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
