"""Fixtures of the attack suite: one runner for each launcher that this machine can run."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator

import pytest

from mcp_runtime.sandbox.client import RunnerClient
from tests.faults.laboratory import Laboratory, laboratory


def launchers_here() -> list[str]:
    """The sandboxing launchers whose tools this machine has. Their self-tests must then pass."""
    found = ["zygote", "landlock"]
    if shutil.which("bwrap"):
        found.insert(1, "bubblewrap")
    return found


@pytest.fixture(scope="session", params=launchers_here())
def lab(request: pytest.FixtureRequest) -> Iterator[Laboratory]:
    with laboratory(request.param) as lab:
        yield lab


@pytest.fixture(scope="session")
def open_lab() -> Iterator[Laboratory]:
    """The control: no sandbox at all, where the same attacks must succeed."""
    with laboratory("process") as lab:
        yield lab


@pytest.fixture
async def client(lab: Laboratory) -> AsyncIterator[RunnerClient]:
    async with lab.client() as client:
        yield client


@pytest.fixture
async def open_client(open_lab: Laboratory) -> AsyncIterator[RunnerClient]:
    async with open_lab.client() as client:
        yield client


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    assert process.poll() is None
    process.kill()
    process.wait()
