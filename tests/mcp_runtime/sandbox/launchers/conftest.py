"""One launcher after the other, each with a runtime and a folder that other uids can reach."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from mcp_runtime.sandbox import runtime_dir
from tests.mcp_runtime.sandbox.launchers.boxes import LAUNCHERS, Boxes, launchers_here


@pytest.fixture(scope="session")
def runtime() -> Iterator[Path]:
    """The runtime folder, assembled once."""
    with tempfile.TemporaryDirectory(prefix="stoa-runtime-") as home:
        Path(home).chmod(0o755)
        yield runtime_dir.assemble(Path(home))


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A folder that every uid on the host can read: what a box cannot see of it, the box hides."""
    with tempfile.TemporaryDirectory(prefix="stoa-boxes-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=launchers_here())
async def boxes(request: pytest.FixtureRequest, runtime: Path, open_folder: Path) -> AsyncIterator[Boxes]:
    boxes = Boxes(LAUNCHERS[request.param](probe_runtime=runtime), runtime, open_folder)
    yield boxes
    await boxes.aclose()


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=[name for name in launchers_here() if name != "landlock"]
)
async def tree_boxes(request: pytest.FixtureRequest, runtime: Path, open_folder: Path) -> AsyncIterator[Boxes]:
    """Only launchers whose boxes have a file tree and a network of their own, and run programs."""
    boxes = Boxes(LAUNCHERS[request.param](probe_runtime=runtime), runtime, open_folder)
    yield boxes
    await boxes.aclose()
