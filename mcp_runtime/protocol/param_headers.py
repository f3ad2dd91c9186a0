"""`Mcp-Param-*`: tool arguments that a client repeats as headers, because the schema asks for it (PROTOCOL T-05).

The schema marks a property with `x-mcp-header: <token>`; the value must then stand in both places and agree, so that
an intermediary which routes by the header and the tool which reads the body cannot be told different things.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mcp_runtime.protocol.errors import HeaderMismatch, shown
from mcp_runtime.protocol.ladder import decode_header_value

KEYWORD = "x-mcp-header"
_PREFIX = b"mcp-param-"


class MarkError(ValueError):
    """The schema marks a property that cannot be repeated in a header."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One marked property."""

    path: tuple[str, ...]
    """Property names from the root."""
    token: str
    type: str


def marks(schema: object) -> tuple[Mark, ...]:
    """The marked properties that are reached through `properties` alone. Raises MarkError."""
    found: list[Mark] = []
    _collect(schema, (), found, 0)
    tokens = [mark.token.lower() for mark in found]
    if len(set(tokens)) < len(tokens):
        raise MarkError(f"Two properties share an {KEYWORD}; each needs its own.")
    return tuple(found)


def given(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The parameters among a request's headers, by lower-case token. Of a repeated one the first counts."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name.startswith(_PREFIX):
            found.setdefault(name[len(_PREFIX) :].decode("latin-1"), value.decode("latin-1").strip(" \t"))
    return found


def compare(expected: tuple[Mark, ...], headers: Mapping[str, str], arguments: Mapping[str, object]) -> None:
    """Raise HeaderMismatch unless every marked argument stands alike in `headers` (lower-case tokens)."""
    for mark in expected:
        name = f"Mcp-Param-{mark.token}"
        header = headers.get(mark.token.lower())
        value = value_at(arguments, mark.path)
        if value is None:
            if header is not None:
                raise HeaderMismatch(f"The header {name} is {shown(header)}, but the argument is not given.")
            continue
        if header is None:
            raise HeaderMismatch(f"The header {name} is missing; it must repeat the argument {'.'.join(mark.path)}.")
        decoded = decode_header_value(header)
        if decoded is None or not _agree(decoded, value):
            raise HeaderMismatch(f"The header {name} is {shown(header)}, which is not the argument.")


def _collect(schema: object, path: tuple[str, ...], found: list[Mark], depth: int) -> None:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or depth > _MAX_DEPTH:
        return
    for name, inner in properties.items():
        if not isinstance(inner, dict):
            continue
        here = (*path, str(name))
        token = inner.get(KEYWORD)
        if token is not None:
            kind = inner.get("type")
            if not isinstance(token, str) or not _TOKEN.fullmatch(token):
                raise MarkError(f"The {KEYWORD} of {'.'.join(here)} is not a header token.")
            if kind not in ("string", "integer", "boolean"):
                raise MarkError(f"{'.'.join(here)} has an {KEYWORD}, so it must be a string, integer or boolean.")
            found.append(Mark(here, token, str(kind)))
        _collect(inner, here, found, depth + 1)


def value_at(arguments: Mapping[str, object], path: tuple[str, ...]) -> object:
    value: object = arguments
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _agree(text: str, value: object) -> bool:
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    if isinstance(value, (int, float)):
        if not _NUMBER.fullmatch(text):
            return False
        return (float(text) if "." in text else int(text)) == value
    return isinstance(value, str) and text == value


_MAX_DEPTH = 64
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")
_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
