"""Revisions that attack while they are imported (SANDBOX 5)."""

from __future__ import annotations

import pytest

from mcp_runtime.ports.sandboxes import SandboxError
from mcp_runtime.ports.workers import WorkerLimits
from mcp_runtime.sandbox.client import RunnerClient
from tests.faults.imports import HOSTILE_IMPORTS, OK, SHADOW, SHADOWS
from tests.faults.laboratory import Laboratory, call


@pytest.mark.parametrize("what", list(HOSTILE_IMPORTS))
async def test_a_hostile_revision_is_refused(lab: Laboratory, client: RunnerClient, what: str) -> None:
    with pytest.raises(SandboxError) as refused:
        await client.describe(lab.worker(HOSTILE_IMPORTS[what], limits=WorkerLimits(load_seconds=5.0)))

    assert len(str(refused.value)) <= 16_384
    manifest = await client.describe(lab.worker({"server.py": OK}))
    assert [tool["name"] for tool in manifest.tools] == ["answer"]


async def test_a_revision_cannot_replace_the_platforms_modules(lab: Laboratory, client: RunnerClient) -> None:
    files = {"server.py": OK} | {f"{name}.py": SHADOW for name in SHADOWS} | {"mcp_runtime/__init__.py": SHADOW}
    files |= {"sitecustomize.py": SHADOW, "usercustomize.py": SHADOW, "evil.pth": "import shadow\n"}

    assert await call(client, lab.worker(files), "answer") == "here"
