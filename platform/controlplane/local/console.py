"""The one stream that people read: each line says which process wrote it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import IO

LONGEST_LINE = 8192
"""Bytes; a longer line is cut into several. What a process prints must not fill our memory."""

COLOURS = (36, 33, 32, 35, 34, 31)
NAME_WIDTH = 8


class Console:
    """Writes whole lines. A terminal that is gone is no reason to stop serving."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._colours: dict[str, int] | None = {} if stream.isatty() else None

    def line(self, name: str, text: str) -> None:
        label = f"{name:<{NAME_WIDTH}} |"
        if self._colours is not None:
            colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
            label = f"\x1b[{colour}m{label}\x1b[0m"
        self._write(f"{label} {text}\n")

    def say(self, *lines: str) -> None:
        """The supervisor's own words to the person who started it."""
        self._write("\n".join(lines) + "\n")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


async def pump(reader: asyncio.StreamReader, console: Console, name: str, *, hush: Sequence[str] = ()) -> None:
    """Copy lines until the stream ends. Lines that contain one of `hush` are left out."""
    rest = b""
    while chunk := await reader.read(65536):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        for line in lines:
            _print(line, console, name, hush)
    if rest:
        _print(rest, console, name, hush)


def _print(line: bytes, console: Console, name: str, hush: Sequence[str]) -> None:
    for start in range(0, max(len(line), 1), LONGEST_LINE):
        text = line[start : start + LONGEST_LINE].decode("utf-8", "replace").rstrip("\r")
        if not any(phrase in text for phrase in hush):
            console.line(name, text)
