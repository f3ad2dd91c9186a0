"""`import fastmcp`, `mcp.types`, `key_value.aio` and their like, resolved to this framework (FASTMCP 0.1, 0.2).

`install()` puts a finder in front of the others: inside a sandbox, servers written for FastMCP load unchanged. A
distribution that the server's own requirements pin is left alone: `install(pinned={"fastmcp"})`. Nothing happens
before `install()` is called; a program that uses the real packages beside ours never sees the aliases.

Modules are views: names are looked up where they live when first used, so that installing costs nothing.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Collection, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from types import CodeType, ModuleType
from typing import Any

from mcp_runtime.framework.alias_names import DECORATING, MODULES, PACKAGES
from mcp_runtime.framework.storage.names import OURS as STORAGE_OURS

__all__ = ("TOPS", "install", "installed", "uninstall")

TOPS = ("fastmcp", "key_value", "mcp", "mcp_types")
"""The top-level packages that resolve to ours."""


def install(pinned: Collection[str] = ()) -> None:
    """Resolve the names from now on, except those of the distributions in `pinned`. Again changes the choice."""
    left = {name.lower().replace("_", "-") for name in pinned}
    if "fastmcp" in left:
        left.add("mcp")  # the real one stands on it
    if "mcp" in left:
        left |= {"mcp-types", "mcp_types"}
    if "py-key-value-aio" in left:
        left.add("key_value")
    tops = set(TOPS) - left
    if any(isinstance(finder, _Finder) and finder.tops == tops for finder in sys.meta_path):
        return
    uninstall()
    if tops:
        sys.meta_path.insert(0, _Finder(tops))


def installed() -> bool:
    """Whether the names are resolved to ours in this program."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


def uninstall() -> None:
    """Take the finder away, and the modules it made."""
    kept = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    if len(kept) == len(sys.meta_path):
        return  # looking at every module would cost a forked worker its shared memory
    sys.meta_path[:] = kept
    for name, module in list(sys.modules.items()):
        if isinstance(module, _Alias):
            del sys.modules[name]


class _Alias(ModuleType):
    """A module whose names live elsewhere."""

    def __getattr__(self, name: str) -> Any:
        home = _names_of(self.__name__).get(name) or _child(self.__name__, name)
        if home is None:
            raise AttributeError(f"{self.__name__}.{name} is not part of this version of the framework")
        module, _, attribute = home.partition(":")
        value = getattr(import_module(module), attribute or name) if attribute != "*" else import_module(module)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_names_of(self.__name__)})

    def __call__(self, *args: Any, **options: Any) -> Any:
        """`fastmcp.tools.tool` is a module in older versions and a decorator in later ones: ours is both."""
        child = self.__name__.rpartition(".")[2]
        if self.__name__ not in DECORATING:
            raise TypeError(f"'module' object {self.__name__!r} is not callable")
        return getattr(self, child)(*args, **options)


class _Loader(Loader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Alias(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        names = sorted(_names_of(module.__name__))
        vars(module)["__all__"] = names
        if module.__name__ == "fastmcp":
            vars(module)["__version__"] = "2.14.7"  # the generation whose behaviour the framework keeps

    def get_code(self, fullname: str) -> CodeType | None:
        """For `python -m fastmcp` and its like, which run a package's `__main__`."""
        if fullname != "fastmcp.__main__":
            return None
        program = "from mcp_runtime.framework.console.main import main\nraise SystemExit(main())\n"
        return compile(program, fullname, "exec")


class _Finder(MetaPathFinder):
    def __init__(self, tops: set[str]) -> None:
        self.tops = tops
        self._beside = "key_value" in tops and PathFinder.find_spec("key_value") is not None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in self.tops:
            return None
        if self._beside and fullname.startswith("key_value") and fullname not in STORAGE_OURS:
            return None  # the real package is installed, and stands beside ours
        if _home(fullname) is not None:
            return ModuleSpec(fullname, _Loader(), is_package=not fullname.endswith(".__main__"))
        package = "py-key-value-aio" if fullname.startswith("key_value") else "fastmcp"
        raise ModuleNotFoundError(
            f"{fullname} is not part of this version of the framework. To use the real package instead, "
            f"pin {package} in the server's requirements.",
            name=fullname,
        )


def _home(module: str) -> dict[str, str] | str | None:
    """Where the names of an alias live: a table, or the module of ours that it stands for. None for no alias."""
    found = MODULES.get(module)
    if found is not None:
        return found
    for package, home in PACKAGES.items():
        if module == package or module.startswith(f"{package}."):
            ours = home + module.removeprefix(package)
            return ours if _exists(ours) else None
    return None


@functools.cache
def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its parent is missing
        return False


def _names_of(module: str) -> dict[str, str]:
    """Where the names of an alias live: `module:attribute`, or a whole module as `module:*`."""
    home = _home(module)
    found = dict(home) if isinstance(home, dict) else {}
    if isinstance(home, str):
        found = {name: f"{home}:{name}" for name in getattr(import_module(home), "__all__", ())}
    for other in MODULES:
        parent, _, child = other.rpartition(".")
        if parent == module and child not in found:
            found[child] = f"{other}:*"
    return found


def _child(module: str, name: str) -> str | None:
    """A module below one whose modules are ours by the same names."""
    child = f"{module}.{name}"
    return f"{child}:*" if not name.startswith("_") and _home(child) is not None else None
