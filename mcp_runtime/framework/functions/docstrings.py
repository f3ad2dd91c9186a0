"""Docstrings: the description of a component, and of its parameters where the author wrote them there."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

__all__ = ("description_of", "parameter_descriptions")

_GOOGLE = re.compile(r"^\s*(Args|Arguments|Parameters|Params):\s*$")
_SECTION = re.compile(r"^\s*[A-Z][A-Za-z ]+:\s*$")
_GOOGLE_ITEM = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_NUMPY_RULE = re.compile(r"^\s*-{3,}\s*$")
_NUMPY_ITEM = re.compile(r"^(\w+)\s*(?::.*)?$")
_SPHINX_ITEM = re.compile(r"^\s*:param\s+(?:[^:\s]+\s+)?(\w+)\s*:\s*(.*)$")


def description_of(function: Callable[..., Any]) -> str | None:
    """The cleaned docstring; None when there is none (FASTMCP T-01)."""
    document = getattr(function, "__doc__", None)
    if not isinstance(document, str):
        return None
    return inspect.cleandoc(document) or None


def parameter_descriptions(description: str | None) -> dict[str, str]:
    """Descriptions by parameter name, from a docstring in Google, NumPy or Sphinx style."""
    if not description:
        return {}
    lines = description.splitlines()
    for number, line in enumerate(lines):
        if _GOOGLE.match(line):
            return _google(lines[number + 1 :], indent=_indent(line))
        if line.strip() == "Parameters" and number + 1 < len(lines) and _NUMPY_RULE.match(lines[number + 1]):
            return _numpy(lines[number + 2 :], indent=_indent(line))
    return _sphinx(lines)


def _google(lines: list[str], *, indent: int) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    item_indent: int | None = None
    for line in lines:
        if not line.strip():
            continue
        depth = _indent(line)
        if depth <= indent or (_SECTION.match(line) and depth == indent):
            break
        if item_indent is None:
            item_indent = depth
        match = _GOOGLE_ITEM.match(line.strip()) if depth == item_indent else None
        if match:
            current = found.setdefault(match[1], [])
            current.append(match[2])
        elif current is not None:
            current.append(line.strip())
    return _joined(found)


def _numpy(lines: list[str], *, indent: int) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        if number + 1 < len(lines) and _NUMPY_RULE.match(lines[number + 1]):
            break
        match = _NUMPY_ITEM.match(line.strip()) if _indent(line) == indent else None
        if match:
            current = found.setdefault(match[1], [])
        elif current is not None:
            current.append(line.strip())
    return _joined(found)


def _sphinx(lines: list[str]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in lines:
        match = _SPHINX_ITEM.match(line)
        if match:
            current = found.setdefault(match[1], [])
            current.append(match[2])
        elif current is not None and line.strip() and not line.lstrip().startswith(":"):
            current.append(line.strip())
        else:
            current = None
    return _joined(found)


def _joined(found: dict[str, list[str]]) -> dict[str, str]:
    joined = {name: " ".join(part for part in parts if part).strip() for name, parts in found.items()}
    return {name: text for name, text in joined.items() if text}


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
