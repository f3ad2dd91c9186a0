"""Servers to compare, one process each on the first core, and rounds of load from the second.

Rounds alternate between the servers of a comparison, CPU time is read from /proc before and after each, and medians are
compared: absolute figures move by half from hour to hour on a shared machine, ratios do not.
"""

from __future__ import annotations

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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.sandbox_host import cpu_seconds

START_SECONDS = 120.0
GATEWAY_TOKEN = "stoa_bench"
_SERVERS = Path(__file__).parent / "servers"


@dataclass
class Server:
    """A running server, and what its rounds have shown."""

    name: str
    url: str
    pid: int
    token: str = "none"
    also: tuple[int, ...] = ()
    """Processes whose time, and that of their descendants, counts as well: a sandbox's runner with its workers."""
    microseconds: list[float] = field(default_factory=list)
    """CPU time per call, of each round."""
    per_second: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """What half of the calls of each round took at most."""
    tool: str = "add"
    """What the tool is called there."""

    @property
    def cost(self) -> float:
        """Median CPU microseconds per call."""
        return statistics.median(self.microseconds)

    @property
    def rate(self) -> float:
        """Median calls per second."""
        return statistics.median(self.per_second)

    @property
    def typical(self) -> float:
        """Median seconds of a call."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Load:
    """What is asked, and how hard."""

    method: str = "tools/call"
    expect: str = '"text":"3"'
    connections: int = 16
    seconds: float = 3.0
    endpoints: int = 1
    """Of our gateway: requests go round them in turn."""
    revision: str = "2026-07-28"


def compare(servers: Sequence[Server], load: Load, rounds: int) -> None:
    """Alternate `rounds` rounds over the servers, after one round each to warm up; the figures are left in them."""
    for server in servers:
        warm(server, load)
    for _ in range(rounds):
        for server in servers:
            measure(server, load)


def measure(server: Server, load: Load) -> None:
    """One round; its figures are added to the server's."""
    before = sum(map(cpu_seconds, (server.pid, *server.also)))
    done = subprocess.run(
        [
            *on_core(-1), sys.executable, "-m", "benchmarks.load", server.url, "--token", server.token,
            "--method", load.method, "--revision", load.revision, "--expect", load.expect,
            "--connections", str(load.connections), "--seconds", str(load.seconds), "--endpoints", str(load.endpoints),
            "--tool", server.tool,
        ],
        capture_output=True,
        check=False,
        text=True,
        timeout=load.seconds * 10 + 120,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"The load on {server.name} failed: {done.stderr[-500:]}")
    spent = sum(map(cpu_seconds, (server.pid, *server.also))) - before
    result = json.loads(done.stdout)
    if result["errors"]:
        raise SystemExit(f"{server.name} answered {result['errors']} of {result['calls']} calls wrongly.")
    server.microseconds.append(spent / result["calls"] * 1e6)
    server.per_second.append(result["per_second"])
    server.seconds.append(result["p50_ms"] / 1000)


def warm(server: Server, load: Load) -> None:
    """One round whose figures are forgotten, and with it all that were there."""
    measure(server, load)
    server.microseconds.clear()
    server.per_second.clear()
    server.seconds.clear()


@contextlib.contextmanager
def gateway(environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Our gateway: it checks a key, validates the arguments and records each call."""
    with _uvicorn("benchmarks.servers.gateway:app", environment or {}) as (pid, port):
        yield Server("stoa", f"http://127.0.0.1:{port}/t/bench/add/mcp", pid, GATEWAY_TOKEN)


@contextlib.contextmanager
def fastmcp(tools: int = 1, *, core: int = 0) -> Iterator[Server]:
    """`fastmcp` as its users serve it: no key, no sessions, plain JSON answers."""
    with _uvicorn("benchmarks.servers.peer_fastmcp:app", {"STOA_BENCH_TOOLS": str(tools)}, core) as (pid, port):
        yield Server("fastmcp", f"http://127.0.0.1:{port}/mcp", pid)


@contextlib.contextmanager
def sdk(tools: int = 1) -> Iterator[Server]:
    """The low-level server of the `mcp` SDK, without sessions and with plain JSON answers."""
    with _uvicorn("benchmarks.servers.peer_mcp:app", {"STOA_BENCH_TOOLS": str(tools)}) as (pid, port):
        yield Server("mcp low-level", f"http://127.0.0.1:{port}/mcp", pid)


@contextlib.contextmanager
def typescript(tools: int = 1) -> Iterator[Server]:
    """The TypeScript SDK's server on Node; its packages are installed from the lock file."""
    node = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{node}:{os.environ['PATH']}", "STOA_BENCH_TOOLS": str(tools)}
    with tempfile.TemporaryDirectory(prefix="stoa-bench-") as folder, unused_port() as port:
        for name in ("package.json", "package-lock.json", "server.mjs"):
            shutil.copy(_SERVERS / "typescript" / name, folder)
        install = [str(node / "npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(install, cwd=folder, env=environment, check=True, capture_output=True, timeout=300)
        command = [*on_core(0), str(node / "node"), "server.mjs", str(port)]
        with started(subprocess.Popen(command, cwd=folder, env=environment), port, "The TypeScript server") as pid:
            yield Server("TypeScript", f"http://127.0.0.1:{port}/mcp", pid)


def on_core(index: int) -> list[str]:
    """The beginning of a command line that stays on one core. Servers take the first, the load the last."""
    taskset = shutil.which("taskset")
    cores = sorted(os.sched_getaffinity(0))
    return [taskset, "-c", str(cores[index])] if taskset else []


def resident_bytes(pid: int) -> int:
    """The memory that a process holds now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def _uvicorn(app: str, environment: Mapping[str, str], core: int = 0) -> Iterator[tuple[int, int]]:
    with unused_port() as port:
        command = [
            *on_core(core), sys.executable, "-m", "uvicorn", app, "--port", str(port), "--backlog", "16384",
            "--loop", "uvloop", "--http", "httptools", "--lifespan", "on", "--no-access-log", "--log-level", "warning",
        ]  # fmt: skip
        with started(subprocess.Popen(command, env={**os.environ, **environment}), port, app) as pid:
            yield pid, port


@contextlib.contextmanager
def started(process: subprocess.Popen[bytes], port: int, name: str, *, seconds: float = START_SECONDS) -> Iterator[int]:
    """Wait until it listens; its process id. Ends it in the end."""
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise SystemExit(f"{name} does not start.") from None
                time.sleep(0.05)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@contextlib.contextmanager
def unused_port() -> Iterator[int]:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    yield port
