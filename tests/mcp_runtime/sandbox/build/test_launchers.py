"""Builds do not depend on how their boxes are made."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest

from mcp_runtime.ports.builds import BuildFailed
from mcp_runtime.sandbox.launchers.base import Launcher
from mcp_runtime.sandbox.launchers.bubblewrap import BubblewrapLauncher
from mcp_runtime.sandbox.launchers.landlock import LandlockLauncher
from mcp_runtime.sandbox.launchers.process import ProcessLauncher
from tests.mcp_runtime.sandbox.build.conftest import Workshop
from tests.mcp_runtime.sandbox.build.index import Index

pytestmark = pytest.mark.asyncio(loop_scope="module")

LAUNCHERS: dict[str, Callable[[], Launcher]] = {"process": lambda: ProcessLauncher(environment="test")}
if shutil.which("bwrap"):
    LAUNCHERS["bubblewrap"] = BubblewrapLauncher


@pytest.mark.parametrize("name", LAUNCHERS)
async def test_every_launcher_with_a_network_builds(workshop: Workshop, index: Index, name: str) -> None:
    index.add(f"by_{name}", "1.0")
    launcher = LAUNCHERS[name]()

    try:
        result = await replace(workshop, launcher=launcher, log=[]).build(f"by_{name}")
    finally:
        await launcher.aclose()

    assert (workshop.store.path("dependencies", result.dependencies or "") / f"by_{name}.py").exists()


async def test_a_launcher_without_a_network_says_that_it_cannot_build(workshop: Workshop) -> None:
    with pytest.raises(BuildFailed) as failure:
        await replace(workshop, launcher=LandlockLauncher(), log=[]).build("anything")

    assert failure.value.code == "build_unavailable"
    assert "user namespaces" in failure.value.hint
