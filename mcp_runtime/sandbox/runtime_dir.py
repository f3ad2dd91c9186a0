"""The folder that sandboxes see as their runtime: our guest-side packages and the few libraries they need.

`<home>/runtime/<digest>` is made once for each content and Python version, compiled, read-only, and mounted at its
own path: a package imported before the fork finds its sub-modules again inside (SANDBOX 2.2). So no sandbox ever
needs the site-packages folder of the platform.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import py_compile
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

_OURS: Final = (
    "mcp_runtime/__init__.py", "mcp_runtime/protocol", "mcp_runtime/ports", "mcp_runtime/framework",
    "mcp_runtime/client", "mcp_runtime/transports", "mcp_runtime/sandbox/__init__.py", "mcp_runtime/sandbox/guest",
    "tenants/__init__.py", "tenants/principal.py",
)  # fmt: skip
_LIBRARIES: Final = {
    "annotated_types": "annotated-types",
    "msgspec": "msgspec",
    "pydantic": "pydantic",
    "pydantic_core": "pydantic-core",
    "typing_extensions": "typing-extensions",
    "typing_inspection": "typing-inspection",
}
"""Module and distribution of what the guest side imports."""
_LAYOUT: Final = b"1"
"""Counted up when the way the folder is made changes."""


def assemble(home: Path) -> Path:
    """The runtime folder below `home`, made if it is not there. Safe to call from several processes at once."""
    files = dict(sorted(_files()))
    folder = home / "runtime"
    folder.mkdir(parents=True, exist_ok=True)
    # The path inside is the path outside, so it must hold no link: the real one is mounted.
    final = Path(os.path.realpath(folder)) / _digest(files)
    if not final.is_dir():
        staging = Path(tempfile.mkdtemp(prefix=".making-", dir=final.parent))
        try:
            _fill(staging, files, final)
            try:
                staging.rename(final)
            except OSError:
                if not final.is_dir():
                    raise  # Otherwise another process was first, with the same content.
            final.chmod(0o555)
        finally:
            if staging.exists():
                _remove(staging)
    return final


def pins() -> dict[str, str]:
    """Distribution and version of each library in the runtime: what a tenant's dependencies must agree with."""
    return {name: importlib.metadata.version(name) for name in _LIBRARIES.values()}


def _files() -> Iterator[tuple[str, Path]]:
    """(path in the folder, source) of everything that goes in."""
    root = _package_folder("mcp_runtime").parent
    tenants = _package_folder("tenants").parent
    for entry in _OURS:
        source = (tenants if entry.startswith("tenants/") else root) / entry
        yield from _modules(entry, source)
    # A folder without an __init__: it gives `python -m fastmcp` and is in nobody's way otherwise.
    yield "fastmcp/__main__.py", root / "mcp_runtime/framework/__main__.py"
    for module, distribution in _LIBRARIES.items():
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            raise RuntimeError(f"{distribution} is not installed; install Stoa with its dependencies (`uv sync`).")
        origin = Path(spec.origin)
        source = origin.parent if spec.submodule_search_locations else origin
        yield from _modules(source.name, source)
        yield from _metadata(distribution)


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"The package {name} cannot be found; install Stoa, or run from its checkout.")
    return Path(spec.origin).parent


def _modules(name: str, source: Path) -> Iterator[tuple[str, Path]]:
    """Modules of a package, or one module. Neither tests nor stubs nor other machines' leavings."""
    if source.is_file():
        yield name, source
        return
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source)
        wanted = path.suffix == ".py" or path.name.endswith(tuple(EXTENSION_SUFFIXES))
        if wanted and path.is_file() and not {"__pycache__", "tests"} & set(inside.parts):
            yield f"{name}/{inside.as_posix()}", path


def _metadata(distribution: str) -> Iterator[tuple[str, Path]]:
    """METADATA, so that `importlib.metadata.version` answers inside as it does outside."""
    for file in importlib.metadata.files(distribution) or []:
        if file.name == "METADATA" and file.parent.name.endswith(".dist-info"):
            yield f"{file.parent.name}/METADATA", Path(str(file.locate()))


def _digest(files: dict[str, Path]) -> str:
    """Of the content and of the Python that compiles it: .pyc files and extensions are of one version."""
    digest = hashlib.sha256(_LAYOUT + importlib.util.MAGIC_NUMBER + sys.implementation.cache_tag.encode())
    for name, source in files.items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()[:32]


def _fill(staging: Path, files: dict[str, Path], final: Path) -> None:
    for name, source in files.items():
        target = staging / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        if target.suffix == ".py":
            # Unchecked: the folder never changes, and a check by time would recompile at each start (SANDBOX 3).
            py_compile.compile(
                str(target),
                dfile=str(final / name),
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
    for path in staging.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)


def _remove(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(folder)
