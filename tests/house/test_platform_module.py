"""`import platform` is Python's own, although our sources live in a folder of that name (docs/decisions/0001)."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
OURS = "import platform; print('platform=' + platform.__file__)"
A_TEST = "import platform\n\ndef test_it():\n    print('platform=' + platform.__file__)\n"

WAYS: dict[str, list[str | Path]] = {
    "manage.py": [sys.executable, "manage.py", "shell", "--no-imports", "-c", OURS],
    "python -c at the root": [sys.executable, "-c", OURS],
    "celery": [TOOLS / "celery", "--app=tests.house.probe", "report"],
    "python -m celery": [sys.executable, "-m", "celery", "--app=tests.house.probe", "report"],
    "uvicorn": [TOOLS / "uvicorn", "tests.house.probe:application", "--uds=never.sock"],
    "uvicorn reading platform/": [
        TOOLS / "uvicorn",
        "--app-dir=platform",
        "tests.house.probe:application",
        "--uds=never.sock",
    ],
}


def said_by(command: list[str | Path], folder: Path = ROOT) -> str:
    environment = {**os.environ, "STOA_ENV": "development", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    found = [line for line in ended.stdout.splitlines() if line.startswith("platform=")]
    assert found, f"{ended.stdout}\n{ended.stderr}"
    return found[0].removeprefix("platform=")


@pytest.mark.parametrize("way", WAYS)
def test_platform_is_pythons_own_under(way: str) -> None:
    found = said_by(WAYS[way])

    assert Path(found).parent == Path(os.__file__).parent


@pytest.mark.parametrize(
    ("start", "mode"),
    [([TOOLS / "pytest"], "prepend"), ([sys.executable, "-m", "pytest"], "prepend"), ([TOOLS / "pytest"], "importlib")],
    ids=["pytest", "python -m pytest", "pytest in importlib mode"],
)
def test_platform_is_pythons_own_under_pytest(start: list[str | Path], mode: str, tmp_path: Path) -> None:
    (tmp_path / "test_probe.py").write_text(A_TEST)
    options = ["-qs", f"--import-mode={mode}", f"--rootdir={ROOT}", f"--config-file={ROOT / 'pyproject.toml'}"]

    found = said_by([*start, *options, "-p", "no:cacheprovider", str(tmp_path / "test_probe.py")])

    assert Path(found).parent == Path(os.__file__).parent


def test_platform_is_pythons_own_here() -> None:
    assert Path(platform.__file__).parent == Path(os.__file__).parent


def test_the_folder_is_no_package() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert [entry.name for entry in (ROOT / "platform").iterdir() if not entry.name.startswith(("_", "."))] == [
        "controlplane"
    ]
