"""What the contract's tests stand on: import names that resolve to ours, and a stage for each block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_runtime.framework import aliases
from tests.contract.cases import Case
from tests.contract.document import Stage, blocks
from tests.contract.hosts import Hosts
from tests.support.names import real_packages_aside


@pytest.fixture
def our_names() -> Iterator[None]:
    """`import fastmcp` is ours."""
    with real_packages_aside():
        aliases.install()
        yield


@pytest.fixture
def stage(
    case: Case, our_names: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Stage:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    hosts = Hosts(tmp_path / "hosts", monkeypatch)
    redis_url = request.getfixturevalue("redis_url") if "B-03" in case.rows else ""
    return Stage(case.number, blocks()[case.number - 1], folder, monkeypatch, hosts, redis_url)
