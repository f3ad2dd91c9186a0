"""What importing the framework costs, beside fastmcp: wall time, CPU time and memory of a fresh interpreter.

    python -m benchmarks.framework_import [--rounds 5]

Rounds alternate between the programs; medians are compared, with the bare interpreter's shown for scale. "serve" adds
what the first answered call brings in: pydantic, asyncio and msgspec. The goal is held against the quickest round:
wall time grows with whatever else the machine does.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field

from benchmarks.results import verdict

GOAL_MS = 250.0
GOAL_MB = 45.0

_SERVE = """
import asyncio
from {package} import FastMCP
from {client} import Client
mcp = FastMCP("bench")
@mcp.tool
def add(a: int, b: int) -> int: return a + b
async def main():
    async with Client(mcp) as client:
        await client.call_tool("add", {{"a": 1, "b": 2}})
asyncio.run(main())
"""


@dataclass
class Program:
    name: str
    code: str
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def run(self) -> None:
        """One fresh interpreter; times in ms, the peak of resident memory in MB."""
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-c", self.code])
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.wall.append((time.perf_counter() - began) * 1000)
        if process.returncode != 0:
            raise SystemExit(f"{self.name} failed; is everything installed?")
        self.cpu.append((usage.ru_utime + usage.ru_stime) * 1000)
        self.memory.append(usage.ru_maxrss / 1024)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds: int = parser.parse_args().rounds
    ours = Program("mcp_runtime.framework", "from mcp_runtime.framework import FastMCP")
    theirs = Program("fastmcp", "from fastmcp import FastMCP")
    programs = [
        Program("python", "pass"),
        ours,
        theirs,
        Program(
            "mcp_runtime.framework, serve", _SERVE.format(package="mcp_runtime.framework", client="mcp_runtime.client")
        ),
        Program("fastmcp, serve", _SERVE.format(package="fastmcp", client="fastmcp")),
    ]
    for number in range(rounds + 1):
        for program in programs:
            program.run()
            if number == 0:  # the first run compiles
                for figures in (program.wall, program.cpu, program.memory):
                    figures.clear()
    for program in programs:
        wall, cpu, memory = map(statistics.median, (program.wall, program.cpu, program.memory))
        print(
            f"{program.name:30} wall {min(program.wall):6.0f} ms at best, {wall:6.0f} ms median; "
            f"{cpu:6.0f} ms CPU {memory:6.1f} MB"
        )
    ratio = statistics.median(theirs.cpu) / statistics.median(ours.cpu)
    print(f"fastmcp costs {ratio:.1f} times the CPU of importing the framework")
    met = [
        verdict("import of the framework, wall at best", min(ours.wall), GOAL_MS, "ms"),
        verdict("memory after the import", statistics.median(ours.memory), GOAL_MB, "MB"),
    ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())
