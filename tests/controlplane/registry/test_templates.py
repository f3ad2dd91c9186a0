"""The servers we offer as a start, and the examples: each loads as a tenant's file would, and offers what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from controlplane.registry import manifests, sources
from mcp_runtime.ports.workers import Manifest

ROOT = Path(__file__).parents[3]
FILES = [*sorted((ROOT / "templates" / "servers").glob("*/server.py")), *sorted((ROOT / "examples").glob("*.py"))]

LOAD = """
import asyncio, importlib.util, sys, msgspec
from mcp_runtime.framework import aliases, serving
aliases.install()
spec = importlib.util.spec_from_file_location("server", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["server"] = module
spec.loader.exec_module(module)
print(msgspec.json.encode(asyncio.run(serving.describe(serving.find_server(module, None)))).decode())
"""
"""In a process of its own: there `fastmcp` is ours, here it is the foreign client of other tests."""


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_it_loads_and_offers_something_of_each_kind(file: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LOAD, file], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    manifest = Manifest(**json.loads(done.stdout))

    manifests.check(manifest)

    for kind in (manifest.tools, manifest.resources, manifest.resource_templates, manifest.prompts):
        assert kind
        assert all(component.get("description") for component in kind)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_it_needs_nothing_installed(file: Path, tmp_path: Path) -> None:
    (tmp_path / file.name).write_text(file.read_text())

    source = sources.inspect(tmp_path)

    assert source.entrypoint == file.name
    assert source.dependencies.requirements == ()
