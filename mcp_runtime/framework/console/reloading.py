"""`--reload`: run the server in a child process, and start another one when a file changes."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ("changes", "supervise")

SUFFIXES = frozenset((".py", ".json", ".toml", ".env", ".txt"))
LEFT_OUT = frozenset(("__pycache__", ".git", ".venv", "venv", "node_modules", ".mypy_cache", ".pytest_cache"))
LOOK_SECONDS = 0.4
STOP_SECONDS = 5.0
MAX_FILES = 5_000


def supervise(command: Sequence[str], folder: Path, *, say: Callable[[str], None]) -> int:
    """Run `command` until it is interrupted or terminated, anew whenever something in `folder` changes."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else the server would outlive us
    seen = changes(folder, {})
    while True:
        process = subprocess.Popen(list(command))
        try:
            changed = _wait(process, folder, seen)
        except KeyboardInterrupt:
            _stop(process)
            return 130
        if changed is None:
            say("The server has ended; waiting for a change.")
            try:
                changed = _wait(None, folder, seen)
            except KeyboardInterrupt:
                return 130
        _stop(process)
        say(f"{', '.join(sorted(str(path.relative_to(folder)) for path in changed or ())[:5])} changed; starting anew.")
        seen = changes(folder, {})


def changes(folder: Path, before: dict[Path, float]) -> dict[Path, float]:
    """The files that are newer than they were, or that were not there."""
    found: dict[Path, float] = {}
    looked_at = 0
    for path in folder.rglob("*"):
        if path.suffix not in SUFFIXES or LEFT_OUT & set(path.relative_to(folder).parts):
            continue
        looked_at += 1
        if looked_at > MAX_FILES:
            break
        with contextlib.suppress(OSError):
            modified = path.stat().st_mtime
            if before.get(path) != modified:
                found[path] = modified
    return found


def _wait(process: subprocess.Popen[bytes] | None, folder: Path, seen: dict[Path, float]) -> dict[Path, float] | None:
    """What changed; None when the process ended by itself."""
    while True:
        time.sleep(LOOK_SECONDS)
        changed = changes(folder, seen)
        if changed:
            return changed
        if process is not None and process.poll() is not None:
            return None


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT if sys.platform != "win32" else signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
