"""The build log: what the box writes, made safe to show, and what it means when a build fails."""

from __future__ import annotations

import asyncio
import os
import re
from collections import deque
from collections.abc import Iterable

from mcp_runtime.ports.builds import BuildFailed, LineSink
from mcp_runtime.sandbox.launchers.base import ExitReason
from mcp_runtime.sandbox.trees import MIB

MAX_LINES = 2_000
MAX_LINE = 2_000
MAX_BYTES = 8 * MIB
"""Of all that a box writes; a real build writes some kilobytes."""
TAIL_BYTES = 8 * 1024
"""Of the log, kept for the failure's detail."""

_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)?")


class BuildLog:
    """Passes lines on, in the loop it was made in."""

    def __init__(self, on_line: LineSink) -> None:
        self._on_line = on_line
        self._loop = asyncio.get_running_loop()
        self._lines = 0
        self._tail: deque[str] = deque(maxlen=400)

    def say(self, line: str) -> None:
        """A line of our own."""
        self._on_line(line)

    def read(self, pipe: int) -> None:
        """Pass on what comes out of a box until its end. Runs in a thread. Raises BuildFailed for a flood."""
        waiting = b""
        total = 0
        while data := os.read(pipe, 65_536):
            total += len(data)
            if total > MAX_BYTES:
                raise BuildFailed(
                    f"The build wrote a log of more than {MAX_BYTES // MIB} MB.",
                    code="too_large",
                    hint="Look at the log's beginning for what it repeats.",
                    detail=self.tail(),
                )
            *lines, waiting = (waiting + data).split(b"\n")
            if len(waiting) > MAX_LINE * 4:
                lines.append(waiting)
                waiting = b""
            for line in lines:
                self._line(line)
        self._line(waiting)

    def tail(self) -> str:
        """The last lines that a box wrote, at most TAIL_BYTES."""
        text = "\n".join(tuple(self._tail)).encode()[-TAIL_BYTES:]
        return text.decode(errors="ignore")

    def _line(self, data: bytes) -> None:
        text = _clean(data)
        if not text:
            return
        self._tail.append(text)
        self._lines += 1
        if self._lines < MAX_LINES:
            self._loop.call_soon_threadsafe(self._on_line, text)
        elif self._lines == MAX_LINES:
            self._loop.call_soon_threadsafe(self._on_line, "(the log goes on, but no more of it is kept)")


_MEANINGS = (
    (
        r"no usable wheels?|building from source is disabled|no wheels? with a matching",
        "no_wheel",
        "A package has no wheel for this platform. Source distributions are not built here: that would run their code.",
        "Require a version that has a wheel, or a package that does the same and has one.",
    ),
    (
        r"was not found in the package registry",
        "unknown_package",
        "A package is not in the package index.",
        "Check the spelling: the name to install can differ from the name to import.",
    ),
    (
        r"there (is no version|are no versions) of|only [\w.-]+==\S+ is available|only the following versions of",
        "no_such_version",
        "A package has no version that fits.",
        "Widen the version range, or see which versions the package index has.",
    ),
    (
        r"[Hh]ash(es)? mismatch|do not match any of the expected hashes",
        "bad_lock",
        "The package index gave a file other than the one that was locked.",
        "Deploy again: that makes a new lock. If it happens again, ask your operator to check the package index.",
    ),
    (
        r"No solution found",
        "conflict",
        "The requirements contradict each other or the platform's own packages.",
        "Loosen the versions that the detail names.",
    ),
    (
        r"No space left on device|File too large|Disk quota",
        "too_large",
        "The packages do not fit into the build's space.",
        "Require fewer or smaller packages.",
    ),
    (
        r"error sending request|[Ff]ailed to fetch|dns error|tunnel|[Cc]onnection (refused|reset)|operation timed out",
        "index_unreachable",
        "The package index could not be reached.",
        "Try again. If it lasts, ask your operator to check the package index, and the hosts that keep its files.",
    ),
)


def explained(reason: ExitReason, text: str, pins: Iterable[str]) -> BuildFailed:
    """The failure that a box's end and its last lines mean."""
    if reason.cause == "oom":
        return BuildFailed(
            "The build ran out of memory.", code="too_large", hint="Require fewer or smaller packages.", detail=text
        )
    flat = " ".join(text.split())
    for pattern, code, message, hint in _MEANINGS:
        if re.search(pattern, flat):
            fixed = [pin for pin in pins if re.search(rf"\b{re.escape(pin)}==", flat)]
            more = f" The platform itself runs {', '.join(fixed)}, in the version that the detail names."
            told = hint + more if fixed and code in ("conflict", "no_such_version") else hint
            return BuildFailed(message, code=code, hint=told, detail=text)
    return BuildFailed(
        f"The build ended with {reason.cause} {reason.code}.",
        hint="The detail has its last lines. If they do not help, ask your operator.",
        detail=text,
    )


def _clean(data: bytes) -> str:
    text = _ESCAPES.sub("", data[: MAX_LINE * 4].decode(errors="replace")).rstrip()[:MAX_LINE]
    return "".join(char for char in text if char.isprintable() or char == "\t")
