"""What applying a document did, or would do."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from controlplane.declarative.document import plain
from controlplane.declarative.texts import dump

MAX_DIFF_LINES: Final = 400
Action: TypeAlias = Literal["create", "update", "unchanged", "delete"]


@dataclass(frozen=True, slots=True)
class Change:
    section: str
    name: str
    action: Action
    diff: str = ""
    """Of the two forms in the document, line by line."""
    waits: tuple[str, ...] = ()
    """Why it is not as it shall be yet."""
    secrets: tuple[str, ...] = ()
    """Names of secrets that have to be set by hand."""
    revision: str = ""
    """The revision that is being built."""


@dataclass(frozen=True, slots=True)
class Outcome:
    changes: tuple[Change, ...]
    dry_run: bool


def diff(before: object, after: object) -> str:
    """Of two entries of the document, either of which may be absent."""
    old, new = (dump(plain(one)).splitlines() if one is not None else [] for one in (before, after))
    lines = list(difflib.unified_diff(old, new, lineterm="", n=2))[2:]
    if len(lines) > MAX_DIFF_LINES:
        lines = [*lines[:MAX_DIFF_LINES], f"… and {len(lines) - MAX_DIFF_LINES} more lines"]
    return "\n".join(lines)
