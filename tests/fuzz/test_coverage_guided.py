"""Bytes that lead into every corner: 200,000 of them, most for the codec, which every message goes through."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT

import pytest


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("target", "runs"), [("codec", 180_000), ("gateway", 25_000)])
async def test_no_input_crashes_hangs_or_fills_it(target: str, runs: int) -> None:
    command = [sys.executable, "-m", "tests.fuzz", target, "--runs", str(runs)]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT)

    said, _ = await process.communicate()

    assert process.returncode == 0, said.decode(errors="replace")[-5_000:]
    assert f"{runs} inputs; memory grew by" in said.decode(errors="replace")
