"""Our client against the servers that the official suite plays, a scenario of each kind it has for clients."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.conformance import suite

ROOT = Path(__file__).parents[2]
SCENARIOS = {
    "elicitation-sep1034-client-defaults": "2025-11-25",
    "sse-retry": "2025-11-25",
    "request-metadata": "2026-07-28",
    "sep-2322-client-request-state": "2026-07-28",
    "http-custom-headers": "2026-07-28",
    "auth/metadata-var3": "2026-07-28",
    "auth/scope-step-up": "2026-07-28",
    "auth/authorization-server-migration": "2026-07-28",
}
"""By name: the revision it is played in."""


@pytest.mark.fastmcp("CL-02", "CL-20")
@pytest.mark.timeout(600)
async def test_the_client_meets_the_servers_of_the_suite_as_it_should(suite_folder: Path, tmp_path: Path) -> None:
    turns = asyncio.Semaphore(2)

    async def play(scenario: str, version: str) -> None:
        async with turns:
            await _played(suite_folder, tmp_path, scenario, version)

    await asyncio.gather(*(play(scenario, version) for scenario, version in SCENARIOS.items()))

    outcome = suite.read(tmp_path)
    assert outcome.faults == ()
    assert _played_in(tmp_path) == len(SCENARIOS)


async def _played(folder: Path, out: Path, scenario: str, version: str) -> None:
    tools = Path(sys.executable).parent
    program = folder / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
    process = await asyncio.create_subprocess_exec(
        str(tools / "node"), str(program), "client", "--command", f"{sys.executable} -m tests.conformance.client",
        "--scenario", scenario, "--spec-version", version, "--timeout", str(suite.SCENARIO_MS), "-o", str(out),
        cwd=ROOT, env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    await process.communicate()


def _played_in(out: Path) -> int:
    return len(list(out.rglob("checks.json")))
