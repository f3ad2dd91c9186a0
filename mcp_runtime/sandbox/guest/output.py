"""What tenant code prints: whole lines, cut and counted before they leave the process (SANDBOX 0.1).

The lines go to descriptors 1 and 2, never near the RPC socket. The host reads them with the same bounds
again: this half saves the tenant's own time, the host's half is the one that is believed.
"""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from collections.abc import Iterable

LINES_PER_SECOND = 200
LINE_BYTES = 64 * 1024


def capture() -> None:
    """Replace `sys.stdout` and `sys.stderr`. Descriptors 1 and 2 may be pipes or /dev/null."""
    sys.stdout = LineWriter(1)
    sys.stderr = LineWriter(2)


class LineWriter(io.TextIOBase):
    """A text stream that drops what is over the bounds and says how much it dropped."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._line: list[str] = []
        self._length = 0
        self._second = 0
        self._lines = 0
        self._dropped = 0

    def fileno(self) -> int:
        return self._descriptor

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def write(self, text: str, /) -> int:
        with self._lock:
            begin = 0
            while (end := text.find("\n", begin)) >= 0:
                self._keep(text, begin, end)
                self._emit()
                begin = end + 1
            if begin < len(text):
                self._keep(text, begin, len(text))
        return len(text)

    def writelines(self, lines: Iterable[str], /) -> None:  # type: ignore[override]  # io's own stub asks for buffers
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Lines leave when they end; half a line waits."""

    def _keep(self, text: str, begin: int, end: int) -> None:
        room = LINE_BYTES - self._length
        if room > 0:
            self._line.append(text[begin : min(end, begin + room)])
        self._length += end - begin

    def _emit(self) -> None:
        line, self._line = self._line, []
        length, self._length = self._length, 0
        second = int(time.monotonic())
        if second != self._second:
            self._second = second
            self._lines = 0
            if self._dropped:
                self._put(f"({self._dropped} lines dropped: more than {LINES_PER_SECOND} a second)")
                self._dropped = 0
        if self._lines >= LINES_PER_SECOND:
            self._dropped += 1
            return
        self._lines += 1
        self._put("".join(line) + (f"… ({length} characters)" if length > LINE_BYTES else ""))

    def _put(self, line: str) -> None:
        data = line.encode("utf-8", "replace")[:LINE_BYTES] + b"\n"
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            self._dropped += 1  # nobody reads: printing must not fail for that
