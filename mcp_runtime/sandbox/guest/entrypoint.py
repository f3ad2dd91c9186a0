"""From `server.py:name` to a server: import the tenant's file and find the server in it (SANDBOX 5)."""

from __future__ import annotations

import importlib
import importlib.util
import keyword
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from mcp_runtime.sandbox.guest.failures import LoadError, explain

if TYPE_CHECKING:
    from mcp_runtime.framework import FastMCP


def load(entrypoint: str, code: Path) -> FastMCP:
    """Import the entrypoint's file from the folder `code`. Tenant code runs in here: it may do anything,
    also never return; the host has the deadline. Raises LoadError."""
    from mcp_runtime.framework import serving

    file, _, name = entrypoint.partition(":")
    path = code / file
    if not path.is_file():
        raise LoadError(f"The entrypoint {file!r} is not in the bundle.", hint="Name a .py file of the bundle.")
    try:
        return serving.find_server(_import(path, code), name or None)
    except BaseException as error:  # noqa: BLE001
        # SystemExit and inventions of the tenant's own are answers like any other.
        raise explain(error, code) from None


def _import(path: Path, code: Path) -> ModuleType:
    sys.argv = [str(path)]
    package, root = _package(path, code)
    if str(root) not in sys.path:
        sys.path.insert(sys.path.index(str(code)) if str(code) in sys.path else len(sys.path), str(root))
    if package and package.partition(".")[0] not in sys.modules:
        return importlib.import_module(f"{package}.{path.stem}")
    name = _module_name(path.stem)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _package(path: Path, code: Path) -> tuple[str, Path]:
    """The dotted package around a file, for relative imports, and the folder to import it from."""
    names: list[str] = []
    folder = path.parent
    while folder != code and (folder / "__init__.py").is_file() and folder.name.isidentifier():
        names.insert(0, folder.name)
        folder = folder.parent
    return ".".join(names), folder


def _module_name(stem: str) -> str:
    """A name that takes no other module's place: a tenant's file may be called `json.py`."""
    taken = stem in sys.modules or stem in sys.stdlib_module_names or not stem.isidentifier() or keyword.iskeyword(stem)
    return "tenant_" + re.sub(r"\W", "_", stem) if taken else stem
