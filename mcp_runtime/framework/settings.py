"""What a server takes from the environment where its constructor does not say: FASTMCP_* (FASTMCP S-04, S-11).

    FASTMCP_MASK_ERROR_DETAILS=true FASTMCP_LOG_LEVEL=DEBUG python server.py

`settings` is read once, when one is first asked for; a program may assign to its members before it makes a server. What
is said to a constructor, an explicit False too, beats it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ("Settings", "SettingsError", "settings")

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_POLICIES = ("warn", "replace", "error", "ignore")
_TRANSPORTS = ("stdio", "http", "sse", "streamable-http")
_TRUE = frozenset(("1", "true", "yes", "on", "t", "y"))
_FALSE = frozenset(("0", "false", "no", "off", "f", "n"))


class SettingsError(ValueError):
    """A variable whose value means nothing; names the variable and what it may be."""


class Settings:
    """The settings, as attributes. Raises SettingsError for a variable that cannot be read."""

    log_level: str
    mask_error_details: bool
    strict_input_validation: bool
    tool_attempt_parse_json_args: bool
    """Read a text as JSON where the argument it was sent for takes no text, after the validation failed."""
    include_fastmcp_meta: bool
    on_duplicate_tools: str
    on_duplicate_resources: str
    on_duplicate_prompts: str
    include_tags: set[str] | None
    exclude_tags: set[str] | None
    client_init_timeout: float | None
    transport: str
    host: str
    port: int
    sse_path: str
    message_path: str
    streamable_http_path: str
    json_response: bool
    stateless_http: bool
    show_server_banner: bool

    def __init__(self, environment: Mapping[str, str] | None = None, **values: Any) -> None:
        if values.keys() - _FIELDS.keys():
            raise TypeError(
                f"There is no setting {min(values.keys() - _FIELDS.keys())!r}; there are {', '.join(_FIELDS)}."
            )
        vars(self).update(values)
        if environment is not None:
            self._read(environment)

    def forget(self) -> None:
        """Read the environment again at the next use; for a process whose children have environments of their own."""
        for name in vars(self).pop("_found", ()):
            vars(self).pop(name, None)

    def __setattr__(self, name: str, value: Any) -> None:
        vars(self).get("_found", set()).discard(name)
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        """The process's environment is read at the first use: a worker gets its own after it was forked."""
        if name not in _FIELDS:
            raise AttributeError(f"There is no setting {name!r}; there are {', '.join(_FIELDS)}.")
        self._read(os.environ)
        return vars(self)[name]

    def _read(self, environment: Mapping[str, str]) -> None:
        given = _upper(environment)
        found: dict[str, Any] = {}
        for name, (default, read) in _FIELDS.items():
            text = given.get(f"FASTMCP_{name.upper()}")
            found[name] = default if text is None else _read(name, text, read)
        fresh = {name: value for name, value in found.items() if name not in vars(self)}
        vars(self).update(fresh, _found=set(fresh))

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.model_dump().items())})"

    def model_dump(self) -> dict[str, Any]:
        """The settings by name."""
        return {name: getattr(self, name) for name in _FIELDS}


def _upper(environment: Mapping[str, str]) -> dict[str, str]:
    return {name.upper(): value for name, value in environment.items() if name.upper().startswith("FASTMCP_")}


def _read(name: str, text: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(text.strip())
    except ValueError as error:
        raise SettingsError(f"FASTMCP_{name.upper()}={text!r} {error}") from error


def _truth(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError("is neither true nor false.")


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        for value in allowed:
            if value.lower() == text.lower():
                return value
        raise ValueError(f"is none of {', '.join(allowed)}.")

    return read


def _names(text: str) -> set[str] | None:
    """`["a", "b"]` as JSON, which is how the original reads it, or `a,b`."""
    if not text:
        return None
    if text.startswith("["):
        import json

        names = json.loads(text)
        if not all(isinstance(name, str) for name in names):
            raise ValueError("is a list of names.")
    else:
        names = [name.strip() for name in text.split(",")]
    return {name for name in names if name}


def _port(text: str) -> int:
    if not text.isdigit() or not 0 <= int(text) < 65_536:
        raise ValueError("is no port: 0 to 65535.")
    return int(text)


def _seconds(text: str) -> float | None:
    if not text or text.lower() == "none":
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ValueError("is no number of seconds.")
    return seconds


_FIELDS: dict[str, tuple[Any, Callable[[str], Any]]] = {
    "log_level": ("INFO", _one_of(*_LEVELS)),
    "mask_error_details": (False, _truth),
    "strict_input_validation": (False, _truth),
    "tool_attempt_parse_json_args": (False, _truth),
    "include_fastmcp_meta": (True, _truth),
    "on_duplicate_tools": ("warn", _one_of(*_POLICIES)),
    "on_duplicate_resources": ("warn", _one_of(*_POLICIES)),
    "on_duplicate_prompts": ("warn", _one_of(*_POLICIES)),
    "include_tags": (None, _names),
    "exclude_tags": (None, _names),
    "client_init_timeout": (None, _seconds),
    "transport": ("stdio", _one_of(*_TRANSPORTS)),
    "host": ("127.0.0.1", str),
    "port": (8000, _port),
    "sse_path": ("/sse", str),
    "message_path": ("/messages/", str),
    "streamable_http_path": ("/mcp", str),
    "json_response": (False, _truth),
    "stateless_http": (False, _truth),
    "show_server_banner": (True, _truth),
}
"""Each setting's default, and how its text is read."""

settings = Settings()
"""The settings of this process."""
