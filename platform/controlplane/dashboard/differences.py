"""What a revision offers otherwise than the one before it: each component's definition, line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Final, Literal

from mcp_runtime.ports.workers import KEYS

MOST_LINES: Final = 400
"""Of one definition: a diff of more is for a program to read."""
CONTEXT: Final = 3


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    kind: Literal["same", "added", "removed"]


@dataclass(frozen=True, slots=True)
class Difference:
    kind: str
    """tool, resource, resource template or prompt."""
    name: str
    what: Literal["added", "removed", "changed"]
    lines: tuple[Line, ...] = ()


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Of two manifests: what is new, what is gone and what is described otherwise, in this order of kinds and names."""
    return [
        Difference(kind.removesuffix("s").replace("_", " "), name, what, tuple(_lines(old, new)))
        for kind, key in KEYS.items()
        for name, what, old, new in _changed(_named(before, kind, key), _named(after, kind, key))
    ]


def _named(manifest: Mapping[str, Any], kind: str, key: str) -> dict[str, Any]:
    return {str(one.get(key)): one for one in manifest.get(kind) or ()}


def _changed(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[tuple[str, Literal["added", "removed", "changed"], Any, Any]]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield name, "added", None, None
        elif name not in new:
            yield name, "removed", None, None
        elif old[name] != new[name]:
            yield name, "changed", old[name], new[name]


def _lines(old: Any, new: Any) -> Iterator[Line]:
    """Nothing for what is new or gone: the page shows what is offered anyway."""
    if old is None:
        return
    found = list(unified_diff(_text(old), _text(new), n=CONTEXT, lineterm=""))[2:]
    for line in found[:MOST_LINES]:
        if line.startswith("@@"):
            continue
        yield Line(line, "added" if line[0] == "+" else "removed" if line[0] == "-" else "same")
    if len(found) > MOST_LINES:
        yield Line(f"… and {len(found) - MOST_LINES} more lines", "same")


def _text(definition: Any) -> list[str]:
    return json.dumps(definition, indent=2, ensure_ascii=False, sort_keys=True).splitlines()
