"""What the commands print, and where."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def note(text: str) -> None:
    """Something for the person at the terminal, not for a pipe."""
    print(text, file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Without what would steer the terminal: names, logs, results and errors come out of tenant code."""
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in (head, *shown)) for column in range(len(head))]
    for row in (head, *shown):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
