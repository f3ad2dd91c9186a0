"""The import contracts hold, and would fail if they did not."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from tests.support import reference

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")
PACKAGES = ("controlplane", "mcp_runtime", "tenants")

IN_A_SANDBOX = {"msgspec", "pydantic", "pydantic_core", "typing_extensions", "annotated_types"}
"""What the runtime folder of a sandbox holds beside ourselves."""
OPTIONAL = {"httpx2", "cryptography", "joserfc", "starlette"}
"""What the framework uses where a server runs by itself, and does without in a sandbox until somebody asks for it."""

VIOLATIONS = {
    "tenants/planted.py": "import controlplane.env",
    "mcp_runtime/protocol/planted.py": "import django",
    "mcp_runtime/ports/planted.py": "import mcp_runtime.gateway\nimport tenants.models",
    "mcp_runtime/framework/planted.py": "import fastmcp",
    "mcp_runtime/storeroom/__init__.py": "",
    "platform/controlplane/audit/planted.py": "import controlplane.accounts",
    "platform/controlplane/storeroom/__init__.py": "",
}


def lint(root: Path) -> tuple[int, str]:
    """Run the contracts over a tree; its own sources must win over those installed from this checkout."""
    ended = subprocess.run(
        [LINT, "--no-cache"],
        cwd=root,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{root}:{root / 'platform'}", "COLUMNS": "200", "TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)


def foreign_imports(graph: grimp.ImportGraph, part: str) -> set[str]:
    """What the modules of a part import from outside of it and of the standard library, by top-level name or ours."""
    modules = {part} | graph.find_descendants(part)
    return {
        imported
        for module in modules
        for imported in graph.find_modules_directly_imported_by(module)
        if imported not in modules and imported.split(".")[0] not in sys.stdlib_module_names
    }


def test_the_contracts_hold() -> None:
    status, said = lint(ROOT)

    assert status == 0, said


def test_the_contracts_fail_when_broken(tmp_path: Path) -> None:
    for folder in ("platform", "mcp_runtime", "tenants"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, text in VIOLATIONS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")

    status, said = lint(tmp_path)

    assert status == 1, said
    broken = set(re.findall(r"^(.*) BROKEN", said, re.MULTILINE))
    assert {
        "The control plane knows the runtime, the runtime knows tenants, never the other way",
        "Inside the runtime",
        "Inside the control plane",
        "The runtime knows the values of tenancy, not its tables",
        "What runs inside a sandbox, or beside it, needs no server framework and no database",
        "We are a FastMCP system; we do not run on someone else's",
    } <= broken, said
    assert "mcp_runtime.storeroom" in said
    assert "controlplane.storeroom" in said


def test_the_protocol_needs_msgspec_and_python_alone(graph: grimp.ImportGraph) -> None:
    assert foreign_imports(graph, "mcp_runtime.protocol") <= {"msgspec"}


def test_the_guest_needs_only_what_a_sandbox_holds(graph: grimp.ImportGraph) -> None:
    found = foreign_imports(graph, "mcp_runtime.sandbox.guest")

    ours = {name for name in found if name.startswith("mcp_runtime.")}
    parts = ("protocol", "framework", "ports", "transports", "client")  # what `runtime_dir` puts into a sandbox
    allowed = tuple(f"mcp_runtime.{part}" for part in parts)
    assert [name for name in sorted(ours) if not name.startswith(allowed)] == []
    assert found - ours <= IN_A_SANDBOX | {"tenants.principal"}


@pytest.mark.parametrize(("part", "optional"), [("framework", OPTIONAL), ("ports", set())])
def test_what_travels_into_a_sandbox_needs_only_what_it_holds(
    graph: grimp.ImportGraph, part: str, optional: set[str]
) -> None:
    found = foreign_imports(graph, f"mcp_runtime.{part}")

    foreign = {name for name in found if not name.startswith("mcp_runtime.")}
    assert foreign <= IN_A_SANDBOX | optional | {"tenants.principal"}


def test_what_is_optional_is_imported_when_it_is_used() -> None:
    early = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "mcp_runtime" / "framework").rglob("*.py"))
        for name, line in imported_at_once(ast.parse(path.read_text()))
        if name in OPTIONAL
    ]

    assert early == []


def imported_at_once(module: ast.Module) -> Iterator[tuple[str, int]]:
    """Top-level names, and lines, of what importing a module imports; not what its functions do, nor types alone."""
    waiting: list[ast.AST] = list(module.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module.partition(".")[0], node.lineno
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))


def test_there_are_no_other_packages_at_the_root() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    modules = {path.name for path in ROOT.glob("*.py")}

    assert packages <= {"mcp_runtime", "tenants", "tests", "benchmarks"}
    assert modules == {"manage.py"}


def test_the_reference_pages_are_what_the_code_says() -> None:
    assert reference.stale() == [], "run `make docs` and commit what it writes"
