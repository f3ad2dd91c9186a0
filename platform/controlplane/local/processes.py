"""Start processes so that none is ever lost: own process group, clean signals, and written down until it has ended.

A `Ledger` is a file with one line for each running process group. Whoever starts processes keeps it up to date; if
that supervisor is killed, its warden (controlplane.local.warden) ends what the file names, and so does the next start.
This module imports the standard library only: the warden must start fast and live without the project.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

Signal = signal.Signals

PATIENCE = 4.0
"""Seconds between asking a left-over process to end and killing it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One process group: its leader's id, and when that leader started, since ids are used again."""

    name: str
    pid: int
    started: str
    stop_signal: int


class Ledger:
    """The process groups that one supervisor has running, in a file that outlives it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: dict[int, Entry] = {}

    @classmethod
    def new(cls, folder: Path) -> Ledger:
        """A ledger of its own for each supervisor: a slow warden of the last one must not read the next one's."""
        ledger = cls(folder / f"processes-{secrets.token_hex(4)}.json")
        ledger._write()
        return ledger

    def add(self, name: str, pid: int, stop_signal: Signal) -> None:
        self._entries[pid] = Entry(name, pid, started_at(pid) or "", int(stop_signal))
        self._write()

    def remove(self, pid: int) -> None:
        """Forget a process group whose leader has been waited for. What is left of the group goes with it."""
        if self._entries.pop(pid, None) is not None:
            self._write()

    def close(self) -> None:
        self._entries.clear()
        self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps([asdict(entry) for entry in self._entries.values()]))
        draft.replace(self.path)


def end_leftovers(folder: Path) -> list[str]:
    """End what supervisors that are gone have left running, and return the names. Call while holding the lock."""
    ended = []
    for path in sorted(folder.glob("processes-*.json")):
        ended += end_all(path)
    return ended


def end_all(path: Path) -> list[str]:
    """End every process group in a ledger's file: ask first, kill after `PATIENCE`. Removes the file."""
    try:
        entries = [Entry(**fields) for fields in json.loads(path.read_text())]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError):
        entries = []  # Written atomically, so this is not ours to understand; the file is removed all the same.

    alive = [entry for entry in entries if _is_same(entry)]
    # The last started first: web and worker before the services that they use.
    for entry in reversed(alive):
        send(entry.pid, Signal(entry.stop_signal))
    deadline = time.monotonic() + PATIENCE
    while any(_group_exists(entry.pid) for entry in alive) and time.monotonic() < deadline:
        time.sleep(0.02)
    for entry in alive:
        send(entry.pid, signal.SIGKILL)
    path.unlink(missing_ok=True)
    return [entry.name for entry in alive]


def start(
    argv: Sequence[str | os.PathLike[str]],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdout: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own: the terminal's Ctrl-C reaches the supervisor alone, which decides."""
    with unblocked_signals():
        return subprocess.Popen(
            argv,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT if stdout is not None else None,
            start_new_session=True,
        )


@contextlib.contextmanager
def unblocked_signals() -> Iterator[None]:
    """A blocked signal stays blocked in a child, and redis-server would then never hear SIGTERM."""
    before = signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop(process: subprocess.Popen[bytes], stop_signal: Signal, *, patience: float) -> None:
    """Ask a process to end, wait, then kill whatever is left of its group."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    send(process.pid, signal.SIGKILL)
    process.wait()


def send(group: int, number: Signal) -> None:
    """Signal a process group; it may already be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def started_at(pid: int) -> str | None:
    """When a process started, as an opaque text; None when there is no such process (or only its zombie)."""
    if not Path("/proc/self/stat").exists():
        return _started_at_by_ps(pid)
    fields = _stat(Path(f"/proc/{pid}"))
    return fields[19] if fields else None


def _stat(folder: Path) -> list[str]:
    """A process's facts after its name (proc_pid_stat(5), from its state on); none when it has ended."""
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [] if fields[0] in "ZX" else fields


def _started_at_by_ps(pid: int) -> str | None:
    """The same where there is no /proc, as on macOS."""
    listing = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listing.stdout.strip() or None


def _is_same(entry: Entry) -> bool:
    return started_at(entry.pid) == entry.started


def _group_exists(group: int) -> bool:
    """Whether anything in it still runs. Zombies do not: who waits for them may be slow, or nobody."""
    if Path("/proc/self/stat").exists():
        return any(_stat(folder)[2:3] == [str(group)] for folder in Path("/proc").glob("[0-9]*"))
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
