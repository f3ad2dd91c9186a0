"""A real runner per launcher, in a process of its own, and clients of it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mcp_runtime.ports.workers import Worker, WorkerLimits
from mcp_runtime.sandbox.client import RunnerClient
from tests.faults.laboratory import Laboratory, laboratory

LAUNCHERS = ("zygote", "process")
"""The strongest box and none at all: what the runner promises does not depend on it."""
SERVER = (Path(__file__).parent / "server.py").read_text()
LIMITS = WorkerLimits(call_seconds=20.0)


@pytest.fixture(scope="session", params=LAUNCHERS)
def lab(request: pytest.FixtureRequest) -> Iterator[Laboratory]:
    with laboratory(request.param) as lab:
        yield lab


@pytest.fixture
async def client(lab: Laboratory) -> AsyncIterator[RunnerClient]:
    async with lab.client() as client:
        yield client


@pytest.fixture
def worker(lab: Laboratory, request: pytest.FixtureRequest) -> Worker:
    """A worker of this test's own."""
    return lab.worker({"server.py": SERVER}, limits=LIMITS, name=request.node.name.partition("[")[0])


@contextlib.contextmanager
def another_runner(lab: Laboratory, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A second runner for the same socket."""
    command = [*map(str, lab.process.args), *options]  # type: ignore[arg-type]  # it is a list
    environment = {"PATH": os.environ["PATH"], "STOA_ENV": "test"}
    with lab.log.open("ab") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
