"""Finding the server object in a loaded module (FASTMCP L-01)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any, cast

from mcp_runtime.framework.server import FastMCP

__all__ = ("EntrypointError", "find_server")

_USUAL_NAMES = ("mcp", "server", "app")
_FACTORY_NAMES = ("create_server", "create_app", "make_server", "build_server")


class EntrypointError(Exception):
    """The module holds no server, or not under the name given; the message says what it does hold."""


def find_server(module: ModuleType, name: str | None = None) -> FastMCP:
    """The server called `mcp`, `server` or `app`, else the only one there is; or the one named; or a factory's.

    A factory is a synchronous function without required parameters that returns a server. Raises EntrypointError.
    """
    if name is not None:
        return _named(module, name)
    for usual in _USUAL_NAMES:
        value = vars(module).get(usual)
        if isinstance(value, FastMCP):
            return value
    servers = {key: value for key, value in vars(module).items() if isinstance(value, FastMCP)}
    distinct = {id(value) for value in servers.values()}
    if len(distinct) == 1:
        return next(iter(servers.values()))
    if servers:
        raise EntrypointError(
            f"{_file(module)} holds several servers: {', '.join(servers)}. "
            f"Call one of them mcp, or name it: {_file(module)}:{next(iter(servers))}."
        )
    for usual in (*_USUAL_NAMES, *_FACTORY_NAMES):
        value = vars(module).get(usual)
        if inspect.isfunction(value) and value.__module__ == module.__name__:
            return _made(module, usual, value)
    raise EntrypointError(
        f"{_file(module)} holds no FastMCP server. It needs one at the top level, as in `mcp = FastMCP({'name'!r})`; "
        f"it defines {_defined(module)}."
    )


def _named(module: ModuleType, name: str) -> FastMCP:
    value: Any = module
    for part in name.split("."):
        value = getattr(value, part, None)
    if isinstance(value, FastMCP):
        return value
    if value is None:
        raise EntrypointError(f"{_file(module)} has no {name!r}; it defines {_defined(module)}.")
    if callable(value):
        return _made(module, name, cast(Callable[[], Any], value))
    raise EntrypointError(f"{name!r} in {_file(module)} is a {type(value).__name__}, not a FastMCP server.")


def _made(module: ModuleType, name: str, factory: Callable[[], Any]) -> FastMCP:
    try:
        inspect.signature(factory).bind()
    except TypeError as error:
        raise EntrypointError(f"The factory {name!r} in {_file(module)} cannot be called without arguments.") from error
    if inspect.iscoroutinefunction(factory):
        raise EntrypointError(
            f"The factory {name!r} in {_file(module)} is asynchronous; make it a plain function, and do what "
            "must be awaited in the server's lifespan."
        )
    server = factory()
    if not isinstance(server, FastMCP):
        raise EntrypointError(
            f"The factory {name!r} in {_file(module)} returned a {type(server).__name__}, not a FastMCP server."
        )
    return server


def _file(module: ModuleType) -> str:
    file = getattr(module, "__file__", None)
    return str(file).rpartition("/")[2] if file else module.__name__


def _defined(module: ModuleType) -> str:
    names = [
        f"{key} ({type(value).__name__})"
        for key, value in vars(module).items()
        if not key.startswith("_") and not isinstance(value, ModuleType) and not _imported(module, value)
    ]
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "") if names else "nothing"


def _imported(module: ModuleType, value: Any) -> bool:
    return (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ != module.__name__
