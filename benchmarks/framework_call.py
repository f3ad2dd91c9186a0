"""What a call and a list cost in memory, beside fastmcp: CPU time through each library's own in-memory client.

    python -m benchmarks.framework_call [--rounds 5] [--calls 200]

Both run in this process, in alternating rounds; medians of CPU microseconds are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import fastmcp

from benchmarks.results import verdict
from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP

CALL_GOAL = 10.0
LIST_GOAL = 20.0
TOOLS = 1_000


async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def add_in_thread(a: int, b: int) -> int:
    """Add two numbers, in a thread."""
    return a + b


def served(kind: Any, tools: int) -> Any:
    """A server of either library with `tools` tools."""
    mcp = kind("bench")
    mcp.tool(add)
    mcp.tool(add_in_thread)
    for number in range(tools - 2):
        mcp.tool(add, name=f"add_{number}")
    return mcp


async def measured(action: Callable[[], Awaitable[Any]], times: int) -> float:
    """CPU microseconds of one `action`."""
    began = time.process_time()
    for _ in range(times):
        await action()
    return (time.process_time() - began) / times * 1e6


async def compare(name: str, ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int, times: int) -> float:
    """Print both medians; returns how many times ours theirs costs."""
    await measured(ours, 2)
    await measured(theirs, 2)
    figures: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        figures[0].append(await measured(ours, times * 5))
        figures[1].append(await measured(theirs, times))
    mine, other = map(statistics.median, figures)
    print(f"{name:24} ours {mine:9.1f} us   fastmcp {other:10.1f} us   {other / mine:6.1f} times")
    return other / mine


async def run(rounds: int, calls: int) -> int:
    numbers = {"a": 1, "b": 2}
    async with Client(served(FastMCP, 2)) as ours, fastmcp.Client(served(fastmcp.FastMCP, 2)) as theirs:
        call = await compare(
            "call_tool, asynchronous",
            lambda: ours.call_tool("add", numbers),
            lambda: theirs.call_tool("add", numbers),
            rounds,
            calls,
        )
        await compare(
            "call_tool, in a thread",
            lambda: ours.call_tool("add_in_thread", numbers),
            lambda: theirs.call_tool("add_in_thread", numbers),
            rounds,
            calls,
        )
    async with Client(served(FastMCP, TOOLS)) as ours, fastmcp.Client(served(fastmcp.FastMCP, TOOLS)) as theirs:
        listing = await compare(f"list_tools, {TOOLS} tools", ours.list_tools, theirs.list_tools, rounds, 2)
    met = [
        verdict("call in memory, beside fastmcp", call, CALL_GOAL, "times", at_least=True),
        verdict(f"list of {TOOLS:,} in memory, beside fastmcp", listing, LIST_GOAL, "times", at_least=True),
    ]
    return 0 if all(met) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    return asyncio.run(run(options.rounds, options.calls))


if __name__ == "__main__":
    raise SystemExit(main())
