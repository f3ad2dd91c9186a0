"""The same contract when an ordinary user runs the platform: user namespaces, no uids to give, no control groups."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_runtime.sandbox.launchers.base import LaunchError
from mcp_runtime.sandbox.launchers.interpreter import running
from mcp_runtime.sandbox.launchers.landlock import open_interpreter

USER = 12_345
ROOT = Path(__file__).parents[4]
DISTRIBUTIONS = (
    "pytest", "pluggy", "iniconfig", "packaging", "pygments", "pytest-asyncio", "msgspec", "pydantic", "pydantic-core",
    "annotated-types", "typing-extensions", "typing-inspection",
)  # fmt: skip
OURS = (
    "mcp_runtime", "tenants", "tests/__init__.py", "tests/mcp_runtime/__init__.py",
    "tests/mcp_runtime/sandbox/__init__.py", "tests/mcp_runtime/sandbox/launchers", "tests/support/clock.py",
    "tests/support/waiting.py",
)  # fmt: skip
SETTINGS = """[pytest]
addopts = -p no:cacheprovider
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
CONTRACT = ("test_contract.py", "test_trees.py", "test_host.py")


def interpreters() -> list[str]:
    """Pythons of our version that another uid can run; none when we are an ordinary user already, and nothing is lost:
    then the contract's own tests are these."""
    if os.geteuid() != 0:
        return []
    try:
        return [open_interpreter(running()).executable]
    except LaunchError:
        return []


@pytest.fixture(scope="module")
def readable_checkout() -> Iterator[Path]:
    """The project and the few packages that its sandbox needs, where every uid can read them."""
    with tempfile.TemporaryDirectory(prefix="stoa-user-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for distribution in DISTRIBUTIONS:
            for file in importlib.metadata.files(distribution) or []:
                if ".." not in file.parts and file.suffix != ".pyc":
                    target = folder / "packages" / Path(str(file))
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(str(file.locate()), target)
        for entry in OURS:
            target = folder / "checkout" / entry
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / entry).is_dir() else shutil.copyfile
            copy(ROOT / entry, target)
        (folder / "checkout/tests/support/__init__.py").touch()  # ours imports what starts the whole platform
        (folder / "pytest.ini").write_text(SETTINGS)
        for path in folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield folder


@pytest.mark.timeout(900)
@pytest.mark.parametrize("module", CONTRACT)
@pytest.mark.parametrize("interpreter", interpreters())
def test_an_ordinary_user_gets_the_same_boxes(readable_checkout: Path, interpreter: str, module: str) -> None:
    tests = readable_checkout / "checkout" / "tests/mcp_runtime/sandbox/launchers"
    environment = {
        "PYTHONPATH": f"{readable_checkout / 'checkout'}:{readable_checkout / 'packages'}",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": "/nonexistent",
    }
    command = [
        interpreter,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-c",
        str(readable_checkout / "pytest.ini"),
        str(tests / module),
    ]

    ended = subprocess.run(
        command,
        check=False,
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        user=USER,
        group=USER,
        extra_groups=[],
    )

    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    assert " passed" in ended.stdout
