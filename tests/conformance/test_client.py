"""Our client against the servers that the official suite plays: every scenario it has for clients of a revision."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.conformance import suite

ROOT = Path(__file__).parents[2]
SCENARIOS = {"2025-11-25": 25, "2026-07-28": 39}
"""By revision: how many are played, with those that do not count."""
NOT_COUNTED = ("dpop", "dpop-nonce", "wif-jwt-bearer", "enterprise-managed-authorization")
"""Drafts and an extension that the suite does not score, and that the client does not have."""


@pytest.mark.fastmcp("CL-02", "CL-20")
@pytest.mark.protocol("V-13", "MR-08", "R-02", "U-01", "U-02", "U-03", "U-04", "U-05", "CC-01")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("revision", SCENARIOS)
async def test_the_client_meets_every_server_of_the_suite_as_it_should(
    revision: str, suite_folder: Path, tmp_path: Path
) -> None:
    await _played(suite_folder, tmp_path, revision)

    assert suite.read(tmp_path, leave_out=NOT_COUNTED).faults == ()
    assert _played_in(tmp_path) == SCENARIOS[revision]


async def _played(folder: Path, out: Path, revision: str) -> None:
    tools = Path(sys.executable).parent
    program = folder / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
    process = await asyncio.create_subprocess_exec(
        str(tools / "node"), str(program), "client", "--command", f"{sys.executable} -m tests.conformance.client",
        "--requirements", revision, "--timeout", str(suite.SCENARIO_MS), "-o", str(out),
        cwd=ROOT, env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    await process.communicate()


def _played_in(out: Path) -> int:
    return len(list(out.rglob("checks.json")))
