"""A runner with a store of its own, for the sandbox benchmarks."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mcp_runtime.ports.workers import Caller, Worker, WorkerLimits
from mcp_runtime.sandbox.client import RunnerClient

CALLER = Caller(request_id="req_bench", subject="key_bench", client_id="key_bench")
ADD = msgspec.Raw(b'{"name":"add","arguments":{"a":1,"b":2}}')
PLAIN = '''
from fastmcp import FastMCP

mcp = FastMCP("bench")


@mcp.tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b
'''
SERVER = (
    PLAIN
    + '''

from pydantic import BaseModel


class Item(BaseModel):
    name: str
    count: int = 1


@mcp.tool
def describe(item: Item) -> str:
    """Describe an item."""
    return f"{item.count} {item.name}"
'''
)
"""The same with a model of its own, which is what costs a server most while it loads."""
START_SECONDS = 60.0


@dataclass
class Host:
    """A running runner."""

    home: Path
    process: subprocess.Popen[bytes]

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[RunnerClient]:
        client = RunnerClient(self.home / "run" / "runner.sock")
        await client.start()
        try:
            yield client
        finally:
            await client.aclose()

    def worker(self, name: str, *, source: str = SERVER, idle_seconds: float = 600.0) -> Worker:
        """A worker of `source`; each name is a server of its own."""
        return Worker(
            tenant_id="ten_BENCH", server_id=f"srv_{name}", revision_id=f"rev_{name}", code=_digest(source),
            entrypoint="server.py", limits=WorkerLimits(idle_seconds=idle_seconds),
        )  # fmt: skip


@contextlib.contextmanager
def host(launcher: str) -> Iterator[Host]:
    """Start a runner with `launcher`, and stop it at the end."""
    home = Path(tempfile.mkdtemp(prefix="stoa-bench-"))
    (home / "run").mkdir()
    for source in (PLAIN, SERVER):
        code = home / "store" / "code" / _digest(source)
        code.mkdir(parents=True)
        (code / "server.py").write_text(source)
    for folder in (home, home / "store", *(home / "store").rglob("*/")):
        folder.chmod(0o755)
    command = [
        sys.executable, "-m", "mcp_runtime.sandbox.runner", "--socket", str(home / "run" / "runner.sock"),
        "--store", str(home / "store"), "--home", str(home), "--launcher", launcher, "--tenant-workers", "500",
        "--host-workers", "500",
    ]  # fmt: skip
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, "STOA_ENV": "test"}, stdout=log, stderr=log)
    try:
        _wait(process, home)
        yield Host(home, process)
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(home, ignore_errors=True)


async def call(client: RunnerClient, worker: Worker) -> None:
    """One `tools/call add(1, 2)`."""
    answer = bytes(await client.call(worker, "tools/call", ADD, caller=CALLER))
    if b'"result":3' not in answer:
        raise SystemExit(f"The worker answered {answer[:200]!r}.")


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def machine() -> str:
    """How busy the machine is: figures of a busy one mean little."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    steal = int(fields[7]) / max(1, sum(map(int, fields)))
    load = Path("/proc/loadavg").read_text().split()[0]
    return f"{os.cpu_count()} cores, load {load}, {steal:.0%} of CPU time stolen since boot"


def cpu_seconds(pid: int) -> float:
    """What a process, its living descendants and those that they have buried used."""
    total = 0.0
    for process in {pid, *descendants(pid)}:
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return total


def descendants(pid: int) -> set[int]:
    """All processes below one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found: set[int] = set()
    frontier = {pid}
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier} - found
        found |= frontier
    return found


def _digest(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def _wait(process: subprocess.Popen[bytes], home: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not (home / "run" / "runner.sock").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"The runner did not start:\n{(home / 'log').read_text()[-2000:]}")
        time.sleep(0.02)
