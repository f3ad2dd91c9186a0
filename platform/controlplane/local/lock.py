"""One installation, one supervisor: a lock that the kernel gives back however its holder ends."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO


class AlreadyRunning(Exception):
    """Another supervisor holds the lock; the text names it and where it answers."""


class Lock:
    """Held. `tell()` writes down where the holder answers, for whoever comes second."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def tell(self, url: str | None = None) -> None:
        self._file.seek(0)
        self._file.truncate()
        json.dump({"pid": os.getpid(), "url": url}, self._file)
        self._file.flush()


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[Lock]:
    """Hold the lock for as long as the block runs. Raises AlreadyRunning at once rather than wait."""
    # Opened for appending: opening must not empty what the holder has written.
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(_describe(file)) from None
        lock = Lock(file)
        lock.tell()
        yield lock


def _describe(file: IO[str]) -> str:
    file.seek(0)
    try:
        holder = json.load(file)
        pid, url = holder["pid"], holder["url"]
    except (ValueError, TypeError, KeyError):
        pid, url = None, None  # It has the lock and has not said who it is yet.
    where = f", at {url}" if url else ""
    who = f"process {pid}" if pid else "another process"
    return f"Stoa is already running from this folder: {who}{where}. Stop it with Ctrl-C in its terminal" + (
        f" or `kill {pid}`." if pid else "."
    )
