"""What the contract's tests stand on: import names that resolve to ours, and a stage for each block."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_runtime.framework import aliases
from tests.contract.cases import Case
from tests.contract.document import Stage, blocks
from tests.contract.hosts import Hosts


@pytest.fixture
def our_names() -> Iterator[None]:
    """`import fastmcp` is ours; what other tests imported of the real packages is put aside and comes back."""
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in aliases.TOPS}
    for name in kept:
        del sys.modules[name]
    aliases.install()
    try:
        yield
    finally:
        aliases.uninstall()
        for name in [name for name in sys.modules if name.partition(".")[0] in aliases.TOPS]:
            del sys.modules[name]
        sys.modules.update(kept)


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
