"""The components in the Python files of a folder (a later word; FASTMCP 2.2).

    mcp = FastMCP("Shop", providers=[FileSystemProvider(Path(__file__).parent / "components")])

Every file below the folder is imported, and what `@tool`, `@resource` and `@prompt` made in it is offered. A file that
cannot be imported is logged and left out. Files may import each other: relatively, as packages do, or by their names.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.composition.known import KnownProvider, by_kind
from mcp_runtime.framework.composition.sources import Kind

__all__ = ("FileSystemProvider",)

_log = logging.getLogger(__name__)


class FileSystemProvider(KnownProvider):
    """`root` is a folder, or one file. With `reload` changed files are imported anew at the next request."""

    def __init__(self, root: str | Path = ".", reload: bool = False) -> None:
        super().__init__(reload=reload)
        self.root = Path(root).resolve()
        self._package = f"_components_{hashlib.sha256(str(self.root).encode()).hexdigest()[:12]}"
        self._read: dict[Path, tuple[int, list[Component]]] = {}
        if not self.root.exists():
            _log.warning("FileSystemProvider: there is no folder %s.", self.root)
        if not reload:
            self.components()

    def __repr__(self) -> str:
        return f"<FileSystemProvider of {self.root}>"

    def components(self) -> dict[Kind, list[Component]]:
        files = self._files()
        for gone in self._read.keys() - set(files):
            del self._read[gone]
        for file in files:
            changed = file.stat().st_mtime_ns
            known = self._read.get(file)
            if known is None or (self.cache_seconds == 0 and known[0] != changed):
                self._read[file] = (changed, self._components_in(file))
        return by_kind(one for file in files for one in self._read[file][1])

    def _files(self) -> list[Path]:
        if self.root.is_file():
            return [self.root]
        found = (path for path in self.root.rglob("*.py") if path.name != "__init__.py")
        return sorted(
            path for path in found if not any(part.startswith(".") for part in path.relative_to(self.root).parts)
        )

    def _components_in(self, file: Path) -> list[Component]:
        try:
            with _importable(self.root if self.root.is_dir() else self.root.parent):
                module = self._import(file)
        except Exception:  # noqa: BLE001 - the file is the author's, and may raise anything
            _log.exception("%s cannot be imported; what it defines is not offered.", file)
            return []
        found = {id(value): value for value in vars(module).values() if isinstance(value, Component)}
        return [
            one for one in found.values() if getattr(getattr(one, "fn", None), "__module__", None) == module.__name__
        ]

    def _import(self, file: Path) -> ModuleType:
        """Below a package of our own, so that equal names of other folders are not in the way."""
        parts = file.relative_to(self.root if self.root.is_dir() else self.root.parent).with_suffix("").parts
        if self._package not in sys.modules:
            anchor = ModuleType(self._package)
            anchor.__path__ = [str(self.root if self.root.is_dir() else self.root.parent)]
            sys.modules[self._package] = anchor
        if all(part.isidentifier() for part in parts):
            name = ".".join((self._package, *parts))
            sys.modules.pop(name, None)
            importlib.invalidate_caches()
            return importlib.import_module(name)
        name = f"{self._package}.file_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{file.name} cannot be imported.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Inside the block the files of a folder are modules."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
