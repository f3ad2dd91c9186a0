"""The suite itself, for all that is run with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def suite_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite, installed from the lock file."""
    folder = tmp_path_factory.mktemp("conformance")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder / name)
    tools = Path(sys.executable).parent
    subprocess.run(
        [tools / "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder, env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    return folder
