"""The folder that sandboxes mount as their runtime."""

from __future__ import annotations

import concurrent.futures
import subprocess
import sys
from pathlib import Path

from mcp_runtime.sandbox import runtime_dir
from mcp_runtime.sandbox.launchers.interpreter import running

PACKAGES = {
    "annotated_types", "fastmcp", "mcp_runtime", "msgspec", "pydantic", "pydantic_core", "tenants",
    "typing_extensions.py", "typing_inspection",
}  # fmt: skip
"""`fastmcp` holds nothing but what `python -m fastmcp` runs; importing it is the framework's hook's to answer."""


def run(runtime: Path, code: str) -> str:
    """Python as a box starts it, with the runtime alone on its path."""
    code = f"import sys; sys.path.append({str(runtime)!r})\n{code}"
    command = [running().executable, "-I", "-S", "-B", "-c", code]
    return subprocess.run(command, env={}, capture_output=True, text=True, check=True).stdout


def test_it_holds_what_the_guest_imports_and_nothing_more(runtime: Path) -> None:
    names = {path.name for path in runtime.iterdir() if not path.name.endswith(".dist-info")} - {"__pycache__"}

    assert names == PACKAGES
    assert {path.name for path in (runtime / "tenants").iterdir()} <= {"__init__.py", "principal.py", "__pycache__"}
    assert {path.name for path in (runtime / "mcp_runtime" / "sandbox").iterdir()} == {
        "__init__.py",
        "__pycache__",
        "guest",
    }
    assert {path.name for path in (runtime / "fastmcp").iterdir()} <= {"__main__.py", "__pycache__"}


def test_the_guest_imports_from_it_alone(runtime: Path) -> None:
    output = run(
        runtime,
        "import mcp_runtime.sandbox.guest.worker, mcp_runtime.framework.serving, pydantic, msgspec\n"
        "print(sorted(n for n, m in sys.modules.items() if '-packages' in (getattr(m, '__file__', None) or '')))",
    )

    assert output == "[]\n"


def test_nothing_in_it_can_be_written(runtime: Path) -> None:
    modes = {path.stat().st_mode & 0o777 for path in (runtime, *runtime.rglob("*"))}

    assert modes == {0o444, 0o555}


def test_modules_are_compiled_and_never_checked_against_their_source(runtime: Path) -> None:
    sources = [path for path in runtime.rglob("*.py") if "__pycache__" not in path.parts]

    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        hash_based_unchecked = 0b01
        assert int.from_bytes(compiled.read_bytes()[4:8], "little") == hash_based_unchecked, source


def test_versions_are_told_inside_as_outside(runtime: Path) -> None:
    output = run(runtime, "from importlib.metadata import version; print(version('pydantic'), version('msgspec'))")

    assert output.split() == [runtime_dir.pins()["pydantic"], runtime_dir.pins()["msgspec"]]


def test_the_same_content_is_the_same_folder_whoever_comes_first(tmp_path: Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        folders = list(threads.map(runtime_dir.assemble, [tmp_path] * 3))

    assert len(set(folders)) == 1
    assert [path.name for path in (tmp_path / "runtime").iterdir()] == [folders[0].name]


def test_the_path_holds_no_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    folder = runtime_dir.assemble(tmp_path / "link")

    assert folder.is_relative_to(tmp_path / "real")
