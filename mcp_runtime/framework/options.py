"""The constructor's keywords that belong elsewhere, are gone, or are misspelt: each gets an answer that helps."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

__all__ = (
    "chosen",
    "meta_of",
    "one_of",
    "refuse_missing",
    "refuse_unknown",
    "refuse_unknown_option",
    "split_host_options",
    "split_transport_options",
)

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

HOST_OPTIONS = frozenset(
    {
        "cache_scope",
        "cache_ttl",
        "dereference_schemas",
        "experimental_capabilities",
        "list_page_size",
        "request_state_security",
    }
)
"""How lists are cut, cached and spelt, and states sealed: what the gateway does alike for every server."""

_GONE = {
    "dependencies": "list them in requirements.txt, pyproject.toml or the script's own metadata block (# /// script).",
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


def split_host_options(options: dict[str, Any]) -> dict[str, Any]:
    """Take the keywords that whoever serves the server answers for."""
    return {name: options.pop(name) for name in HOST_OPTIONS & options.keys()}


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


def refuse_unknown_option(noun: str, options: Mapping[str, Any]) -> None:
    """Raises TypeError for a keyword that the decorator does not take, naming the nearest one."""
    import difflib

    for name in options:
        if name in _DECORATOR_OPTIONS[noun]:
            continue
        if name == "app" and noun != "prompt":
            continue  # see `meta_of`
        near = difflib.get_close_matches(name, _DECORATOR_OPTIONS[noun], n=1)
        hint = f"did you mean {near[0]}=?" if near else f"it takes {', '.join(sorted(_DECORATOR_OPTIONS[noun]))}."
        raise TypeError(f"@mcp.{noun} takes no {name}=; {hint}")


def meta_of(noun: str, meta: Mapping[str, Any] | None, options: dict[str, Any]) -> Mapping[str, Any] | None:
    """A decorator's `meta=`, and what its `app=` adds, which is taken out of `options`."""
    app = options.pop("app", None)
    if app is None or app is False:
        return meta
    from mcp_runtime.framework.apps import meta_with

    return meta_with(app, meta, noun=noun)


def chosen(given: bool | None, setting: bool) -> bool:
    """What the constructor was told, an explicit False too, else the setting (FASTMCP S-04)."""
    return setting if given is None else bool(given)


def one_of(parameter: str, given: str | None, allowed: tuple[str, ...]) -> str:
    """The value, the first allowed one when none was given. Raises ValueError."""
    if given is None:
        return allowed[0]
    if given not in allowed:
        either = "neither" if len(allowed) == 2 else "none of"
        raise ValueError(f"{parameter}={given!r} is {either} {' nor '.join(map(repr, allowed))}.")
    return given


def refuse_missing(name: str) -> NoReturn:
    """Raises AttributeError, saying why for names authors know from elsewhere."""
    if name in _ABSENT:
        raise AttributeError(f"FastMCP.{name} is not part of this version: {_ABSENT[name]}.")
    raise AttributeError(f"'FastMCP' object has no attribute {name!r}")


_COMMON = ["name", "version", "title", "description", "tags", "enabled", "icons", "meta", "task", "auth"]
_DECORATOR_OPTIONS = {
    "tool": frozenset(
        (*_COMMON, "exclude_args", "annotations", "output_schema", "serializer", "timeout", "run_in_thread")
    ),
    "resource": frozenset((*_COMMON, "mime_type", "annotations", "security")),
    "prompt": frozenset(_COMMON),
}

_ABSENT = {
    "add_extension": "which extensions of the protocol a client meets is the platform's to say",
}
