"""What an endpoint of 50 members and 1,000 tools costs: to compile its plan, and to be called beside one server alone.

    python -m benchmarks.gateway_plans [--rounds 3] [--seconds 2]

Compiling is what a gateway does once after each publication, in this process here; the calls are those of
`benchmarks.peers`.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import time

import msgspec

from benchmarks.peers import Load, compare, gateway
from benchmarks.results import verdict
from mcp_runtime.gateway.plans import CompiledPlan
from mcp_runtime.ports.memory import MemorySandboxes
from mcp_runtime.ports.plans import Component, Member, PlanDocument
from mcp_runtime.ports.workers import Worker
from mcp_runtime.protocol.versions import MODERN

MEMBERS, TOOLS = 50, 1_000
COMPILE_GOAL_MS = 300.0
CALL_GOAL = 1.15
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}


def document() -> PlanDocument:
    worker = Worker("ten_bench", "srv_bench", "rev_bench", code="", entrypoint="add.py")
    members = tuple(
        Member(server_id, "python", msgspec.structs.replace(worker, server_id=server_id), strict_input=True)
        for server_id in (f"srv_{number}" for number in range(MEMBERS))
    )
    tools = tuple(
        Component({"name": f"m{number % MEMBERS}_{number}", "inputSchema": SCHEMA}, number % MEMBERS, f"t{number}")
        for number in range(TOOLS)
    )
    return PlanDocument(
        tenant_id="ten_bench", tenant="bench", endpoint_id="ep_bench", endpoint="many", version=1, server_name="many",
        server_version="1", instructions=None, members=members, tools=tools,
    )  # fmt: skip


def compile_ms(plan: PlanDocument) -> float:
    """CPU milliseconds until the first list could go out."""
    began = time.process_time()
    CompiledPlan(plan, MemorySandboxes()).listing("tools/list", MODERN)
    return (time.process_time() - began) * 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    plan = document()
    compiled = statistics.median(compile_ms(plan) for _ in range(options.rounds + 2))
    kept = verdict(f"compile a plan of {MEMBERS} members, {TOOLS:,} tools", compiled, COMPILE_GOAL_MS, "ms")
    with contextlib.ExitStack() as stack:
        alone = stack.enter_context(gateway())
        many = stack.enter_context(gateway({"STOA_BENCH_TOOLS": str(TOOLS), "STOA_BENCH_MEMBERS": str(MEMBERS)}))
        compare([alone, many], Load(seconds=options.seconds), options.rounds)
        print(f"one server {alone.cost:6.0f} us of CPU per call, among {MEMBERS} members {many.cost:6.0f} us")
        ratio = many.cost / alone.cost
    return 0 if verdict("a call through an endpoint, beside one server", ratio, CALL_GOAL, "times") and kept else 1


if __name__ == "__main__":
    sys.exit(main())
