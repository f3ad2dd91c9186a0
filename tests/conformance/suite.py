"""Running the official suite (npm `@modelcontextprotocol/conformance`), and reading what it found."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCENARIO_MS = 60_000


@dataclass(frozen=True)
class Outcome:
    """What one selection of scenarios came to."""

    passed: int
    faults: tuple[str, ...]
    """Failures and warnings, in words."""


async def run(folder: Path, url: str, out: Path, *selection: str) -> Outcome:
    """Run the scenarios of a selection; `folder` has the suite in its `node_modules`."""
    tools = Path(sys.executable).parent
    program = folder / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
    process = await asyncio.create_subprocess_exec(
        str(tools / "node"), str(program), "server", "--url", url, "-o", str(out), *selection,
        "--timeout", str(SCENARIO_MS),
        cwd=folder, env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    words, _ = await process.communicate()
    outcome = read(out)
    if outcome.passed == 0:
        raise AssertionError(f"The suite checked nothing:\n{words.decode(errors='replace')[-2000:]}")
    return outcome


def read(out: Path, *, leave_out: Sequence[str] = ()) -> Outcome:
    """The checks in the suite's results, without the scenarios of `leave_out`."""
    left_out = {f"{scenario}-20" for scenario in leave_out}  # the name of a folder goes on with the time
    passed = 0
    faults: list[str] = []
    for path in sorted(out.rglob("checks.json")):
        scenario = path.parent.name.removeprefix("server-")
        if scenario[: scenario.find("-20") + 3] in left_out:
            continue
        for check in json.loads(path.read_text()):
            if check["status"] == "SUCCESS":
                passed += 1
            elif check["status"] in ("FAILURE", "WARNING"):
                faults.append(f"{check['status']} {scenario} {check['id']}: {check.get('errorMessage') or ''}"[:500])
    return Outcome(passed, tuple(faults))
