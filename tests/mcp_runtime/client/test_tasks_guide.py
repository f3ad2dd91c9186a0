"""docs/guides/tools-in-the-background.md does what it says."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "guides" / "tools-in-the-background.md"
ALIASES = "from mcp_runtime.framework import aliases; aliases.install()"


@pytest.mark.fastmcp("T-11")
async def test_the_guides_program_runs_a_tool_in_the_background(tmp_path: Path) -> None:
    program = tmp_path / "guide.py"
    blocks: list[str] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    program.write_text("\n".join([ALIASES, *blocks]))

    process = await asyncio.create_subprocess_exec(
        sys.executable, str(program), cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()

    assert process.returncode == 0
    assert "completed 3" in said.decode().splitlines()
