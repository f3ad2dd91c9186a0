"""The constructor's keywords that belong elsewhere, are gone, or are misspelt: each gets an answer that helps."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

__all__ = ("refuse_later", "refuse_missing", "refuse_unknown", "split_transport_options")

TRANSPORT_OPTIONS = frozenset(
    {
        "log_level",
        "debug",
        "host",
        "port",
        "sse_path",
        "message_path",
        "streamable_http_path",
        "json_response",
        "stateless_http",
    }
)
"""Where and how a server listens: once constructor keywords, now `run()`'s (FASTMCP S-11)."""

_GONE = {
    "dependencies": "list them in requirements.txt, pyproject.toml or the script's own metadata block (# /// script).",
    "tool_transformations": "this version of the framework transforms no tools yet.",
    "tasks": "this version of the framework runs no background tasks yet.",
    "sampling_handler": "this version samples through the client only; call ctx.sample().",
    "sampling_handler_behavior": "this version samples through the client only; call ctx.sample().",
    "auth_server_provider": "it was renamed to auth=.",
    "prompts": "add them with @mcp.prompt or mcp.add_prompt().",
    "resources": "add them with @mcp.resource or mcp.add_resource().",
    "transport": "it is an option of run(): mcp.run(transport=…).",
    "path": "it is an option of run(): mcp.run(path=…).",
    "title": "the server's readable name is name=.",
    "description": "what clients are told about the server is instructions=.",
}


def split_transport_options(options: dict[str, Any]) -> dict[str, Any]:
    """Take the transport's keywords out of `options`, with a warning that says where they belong now."""
    found = {name: options.pop(name) for name in TRANSPORT_OPTIONS & options.keys()}
    if found:
        warnings.warn(
            f"{', '.join(sorted(found))}: how a server listens is said to run(), not to FastMCP(); "
            "a platform that runs the server decides by itself.",
            DeprecationWarning,
            stacklevel=4,
        )
    return found


def refuse_unknown(constructor: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Raises TypeError naming the keyword and what to write instead."""
    for name in options:
        if name in _GONE:
            raise TypeError(f"FastMCP() takes no {name}=: {_GONE[name]}")
        import difflib

        known = sorted(inspect.signature(constructor).parameters.keys() - {"self", "options"})
        near = difflib.get_close_matches(name, known, n=1)
        raise TypeError(
            f"FastMCP() takes no {name}=; did you mean {near[0]}=?"
            if near
            else f"FastMCP() takes no {name}=; it takes {', '.join(known)}."
        )


def refuse_later(noun: str, options: Mapping[str, Any]) -> None:
    """Raises TypeError for keywords of a decorator that ask for what is not there."""
    for name, value in options.items():
        if name not in _LATER:
            raise TypeError(f"@mcp.{noun} takes no {name}=.")
        if value not in (None, False):
            raise TypeError(f"@mcp.{noun}({name}=…) is not honoured by this version: {_LATER[name]}.")


def refuse_missing(name: str) -> NoReturn:
    """Raises AttributeError, saying why for names authors know from elsewhere."""
    if name in _ABSENT:
        raise AttributeError(f"FastMCP.{name} is not part of this version: {_ABSENT[name]}.")
    raise AttributeError(f"'FastMCP' object has no attribute {name!r}")


_LATER = {
    "task": "it runs no background tasks yet",
    "auth": "it checks no scopes per component yet; the platform checks the caller",
    "version": "it keeps one version of each component",
    "app": "it serves no user interfaces yet",
}

_ABSENT = {
    "as_proxy": "it proxies no other server yet",
    "from_openapi": "it makes no tools from OpenAPI documents yet",
    "from_fastapi": "it makes no tools from FastAPI applications yet",
    "add_tool_transformation": "it transforms no tools yet",
    "custom_route": "it serves no HTTP routes beside MCP",
    "http_app": "it has no HTTP transport of its own; deploy the server",
    "sse_app": "it has no HTTP transport of its own; deploy the server",
    "streamable_http_app": "it has no HTTP transport of its own; deploy the server",
    "run_async": "a deployed server is run by the platform",
}
