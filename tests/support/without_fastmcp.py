"""A pytest plugin: run tests as if the packages `fastmcp` and `mcp` were not installed.

    pytest -p tests.support.without_fastmcp tests/mcp_runtime/framework tests/mcp_runtime/client tests/contract

What is installed under these names cannot be imported any more; `mcp_runtime.framework.aliases`, which looks first, may
still answer for them. Programs that tests start are under the same rule, by PYTHONPATH.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

PACKAGES = frozenset(("fastmcp", "mcp"))

CHILDREN = f"""
import sys

class Absent:
    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in {sorted(PACKAGES)!r}:
            raise ModuleNotFoundError(f"No module named {{fullname!r}}", name=fullname)

sys.meta_path.insert(0, Absent())
"""
"""Their `sitecustomize`."""


class Absent(MetaPathFinder):
    """Finds nothing under these names, and lets nobody behind it look."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in PACKAGES:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


_folder = tempfile.TemporaryDirectory(prefix="without-fastmcp-")


def pytest_configure(config: pytest.Config) -> None:
    present = sorted(name for name in sys.modules if name.partition(".")[0] in PACKAGES)
    if present:
        raise pytest.UsageError(f"{', '.join(present[:3])} was imported before the plugin could prevent it.")
    sys.meta_path.insert(0, Absent())
    (Path(_folder.name) / "sitecustomize.py").write_text(CHILDREN)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (_folder.name, os.environ.get("PYTHONPATH"))))


def pytest_unconfigure(config: pytest.Config) -> None:
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Absent)]
    _folder.cleanup()
