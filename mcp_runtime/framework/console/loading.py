"""From what stands on a command line to a server: a file, an address, or one of the two configuration files.

    server.py  server.py:object  https://host/mcp  mcp.json  fastmcp.json

A file is imported and not run: its `__name__` is not `__main__`, `sys.argv` holds the arguments after `--`, and
`import fastmcp` is ours.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework import aliases
from mcp_runtime.framework.console.environments import Wanted, of_configuration, prepare
from mcp_runtime.framework.errors import FrameworkError

if TYPE_CHECKING:
    from mcp_runtime.framework.server import FastMCP

__all__ = ("Loaded", "SourceError", "load")

CONFIGURATION = "fastmcp.json"
USUAL_FILES = ("server.py", "main.py", "app.py")
_DEPLOYMENT = ("transport", "host", "port", "path", "log_level", "cwd", "env", "args")


class SourceError(FrameworkError):
    """Nothing that could be run stands where the command line says."""


@dataclass
class Loaded:
    """A server, and how its configuration file wants it run."""

    server: FastMCP
    options: dict[str, Any] = field(default_factory=dict)
    watched: Path | None = None
    """The folder whose files it is made of."""


def load(source: str | None, arguments: Sequence[str] = (), wanted: Wanted | None = None) -> Loaded:
    """With `wanted`, what that and the configuration name is installed first.

    Raises SourceError, EntrypointError, EnvironmentFault, and whatever the file raises.
    """
    aliases.install()
    source = source or _usual()
    if wanted is not None:
        prepare(_configured_environment(source).joined(wanted))
    if re.match(r"https?://", source):
        return Loaded(_proxy(source))
    path, name = _split(source)
    if not path.is_file():
        raise SourceError(f"There is no file {str(path)!r}. Name a .py file, a .json configuration or an address.")
    if path.suffix == ".json":
        return _configured(path, arguments)
    if path.suffix != ".py":
        raise SourceError(f"{path.name} is no Python file. Name a .py file, a .json configuration or an address.")
    return Loaded(_server(path, name, arguments), watched=path.resolve().parent)


def _configured_environment(source: str) -> Wanted:
    path = Path(source)
    if path.suffix != ".json" or not path.is_file():
        return Wanted()
    return of_configuration(_document(path).get("environment"), path.parent)


def locate(source: str | None) -> Path | None:
    """The folder to watch for changes of a source, without loading it."""
    source = source or _usual()
    return None if re.match(r"https?://", source) else _split(source)[0].resolve().parent


def _usual() -> str:
    for name in (CONFIGURATION, *USUAL_FILES):
        if Path(name).is_file():
            return name
    raise SourceError(f"Nothing was named, and there is neither {CONFIGURATION} nor {' nor '.join(USUAL_FILES)} here.")


def _split(source: str) -> tuple[Path, str | None]:
    """`server.py:object`; a drive letter's colon is not that of an object."""
    if Path(source).is_file():
        return Path(source), None
    file, colon, name = source.rpartition(":")
    return (Path(file), name) if colon and len(file) > 1 else (Path(source), None)


def _server(path: Path, name: str | None, arguments: Sequence[str]) -> FastMCP:
    from mcp_runtime.framework.entrypoint import find_server

    return find_server(_import(path.resolve(), arguments), name)


def _import(path: Path, arguments: Sequence[str]) -> ModuleType:
    sys.argv = [str(path), *arguments]
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    name = path.stem
    if name in sys.modules or name in sys.stdlib_module_names or not name.isidentifier():
        name = "server_" + re.sub(r"\W", "_", name)  # a file may be called json.py, and take nobody's place
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SourceError(f"{path.name} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _configured(path: Path, arguments: Sequence[str]) -> Loaded:
    """`mcp.json` names servers to be one; `fastmcp.json` a file, and how to run it."""
    document = _document(path)
    if "mcpServers" in document:
        return Loaded(_proxy(document), watched=path.resolve().parent)
    source = document.get("source")
    if not isinstance(source, dict) or not isinstance(source.get("path"), str):
        raise SourceError(f'{path.name} names no server: it needs "source": {{"path": "server.py"}}, or "mcpServers".')
    deployment = document.get("deployment")
    wanted = {key: value for key, value in dict(deployment or {}).items() if key in _DEPLOYMENT and value is not None}
    file = path.parent / str(source["path"])
    if not file.is_file():
        raise SourceError(f'{path.name} names {source["path"]!r} as "source", which is not there.')
    _prepare(wanted, path.resolve().parent)
    server = _server(file, source.get("entrypoint"), arguments or [str(one) for one in wanted.pop("args", ())])
    wanted.pop("args", None)
    return Loaded(server, wanted, watched=file.resolve().parent)


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SourceError(f"{path.name} is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise SourceError(f"{path.name} is no object.")
    return document


def _prepare(wanted: dict[str, Any], folder: Path) -> None:
    """Environment and working folder, before the file is imported. `${NAME}` in a value is taken from outside."""
    for name, value in dict(wanted.pop("env", {})).items():
        os.environ[str(name)] = re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], found[0]), str(value))
    where = wanted.pop("cwd", None)
    if where is not None:
        os.chdir(folder / str(where))


def _proxy(target: str | Mapping[str, Any]) -> FastMCP:
    from mcp_runtime.framework.server import FastMCP

    return FastMCP.as_proxy(target)
