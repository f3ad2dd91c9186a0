"""What fifty mounted servers of ten tools cost, beside one server of five hundred, and beside fastmcp.

    python -m benchmarks.framework_mounts [--rounds 5] [--calls 100]

A list, the first list after one of the fifty changed, and a call, each by CPU time through the in-memory clients, in
alternating rounds in this process; the quickest ones are compared, as the others measure the machine (FASTMCP K-08).
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from typing import Any

import fastmcp

from benchmarks.framework_call import add, measured
from benchmarks.results import verdict
from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP

MOUNTS = 50
TOOLS = 10
LIST_GOAL = 1.2
CALL_GOAL = 2.0
CHANGED_GOAL = 3.0
PEER_GOAL = 20.0


def single() -> Any:
    """One server with all the tools."""
    mcp = FastMCP("single")
    for number in range(MOUNTS * TOOLS):
        mcp.tool(add, name=f"c{number // TOOLS}_t{number % TOOLS}")
    return mcp


def composed(kind: Any, word: str) -> tuple[Any, Any]:
    """The same tools in mounted servers; the parent, and the last of its children."""
    parent = kind("parent")
    child = parent
    for number in range(MOUNTS):
        child = kind(f"child {number}")
        for tool in range(TOOLS):
            child.tool(add, name=f"t{tool}")
        parent.mount(child, **{word: f"c{number}"})
    return parent, child


async def quickest(rounds: int, actions: dict[str, tuple[Callable[[], Any], int]]) -> dict[str, float]:
    """CPU microseconds of each action, in the quickest of alternating rounds."""
    figures: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(rounds + 1):
        for name, (action, times) in actions.items():
            figure = await measured(action, times)
            if number:  # the first round works out what is kept from then on
                figures[name].append(figure)
    return {name: min(found) for name, found in figures.items()}


async def run(rounds: int, calls: int) -> int:
    one = single()
    ours, child = composed(FastMCP, word="prefix")
    theirs, _ = composed(fastmcp.FastMCP, word="namespace")
    numbers = {"a": 1, "b": 2}

    async def changed(server: Any) -> None:
        server.remove_tool("t0")
        server.tool(add, name="t0")

    async with Client(one) as flat, Client(ours) as tree, fastmcp.Client(theirs) as peer:

        async def list_flat_anew() -> None:
            one.remove_tool("c49_t0")
            one.tool(add, name="c49_t0")
            await flat.list_tools()

        async def list_anew() -> None:
            await changed(child)
            await tree.list_tools()

        assert len(await tree.list_tools()) == len(await flat.list_tools()) == MOUNTS * TOOLS
        cost = await quickest(
            rounds,
            {
                "list, one server": (flat.list_tools, 20),
                "list, fifty mounted": (tree.list_tools, 20),
                "list, fifty mounted, fastmcp": (peer.list_tools, 1),
                "list anew, one server": (list_flat_anew, 5),
                "list anew, fifty mounted": (list_anew, 5),
                "call, one server": (lambda: flat.call_tool("c25_t5", numbers), calls),
                "call, fifty mounted": (lambda: tree.call_tool("c25_t5", numbers), calls),
                "call, fifty mounted, fastmcp": (lambda: peer.call_tool("c25_t5", numbers), 5),
            },
        )
    for name, figure in cost.items():
        print(f"{name:32} {figure:10.1f} us")
    met = [
        verdict(
            "list of 50 mounts of 10, beside one server",
            cost["list, fifty mounted"] / cost["list, one server"],
            LIST_GOAL,
            "times",
        ),
        verdict(
            "list of 50 mounts after a change, beside one",
            cost["list anew, fifty mounted"] / cost["list anew, one server"],
            CHANGED_GOAL,
            "times",
        ),
        verdict(
            "call through a mount, beside one server",
            cost["call, fifty mounted"] / cost["call, one server"],
            CALL_GOAL,
            "times",
        ),
        verdict(
            "list of 50 mounts of 10, fastmcp beside ours",
            cost["list, fifty mounted, fastmcp"] / cost["list, fifty mounted"],
            PEER_GOAL,
            "times",
            at_least=True,
        ),
        verdict(
            "call through a mount, fastmcp beside ours",
            cost["call, fifty mounted, fastmcp"] / cost["call, fifty mounted"],
            PEER_GOAL,
            "times",
            at_least=True,
        ),
    ]
    return 0 if all(met) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=100)
    options = parser.parse_args()
    return asyncio.run(run(options.rounds, options.calls))


if __name__ == "__main__":
    raise SystemExit(main())
