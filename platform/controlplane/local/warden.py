"""Outlives the supervisor by a moment: when it is gone, however it went, end what it had started.

It reads a pipe whose other end only the supervisor holds: the kernel closes that end even after `kill -9`. A
supervisor that ends well has emptied its ledger before, so that there is nothing left to do.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from controlplane.local.processes import end_all

SOURCES = Path(__file__).resolve().parent.parent.parent
PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from controlplane.local.warden import main; main(*sys.argv[2:])"


@contextlib.contextmanager
def watching(ledger: Path, *, remove: Path | None = None) -> Iterator[None]:
    """Keep a warden over this process for as long as the block runs; `remove` is a folder to delete at the end."""
    # -I -S: no site-packages, so it starts in milliseconds and needs nothing of the environment.
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, str(SOURCES), str(ledger), *([str(remove)] if remove else [])]
    warden = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd="/", start_new_session=True
    )
    try:
        yield
    finally:
        if warden.stdin:
            warden.stdin.close()
        warden.wait()


def main(ledger: str, remove: str | None = None) -> None:
    # In a session of its own it hears no Ctrl-C; this is for whoever politely ends all processes of a user.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4096):
        pass

    end_all(Path(ledger))
    if remove:
        shutil.rmtree(remove, ignore_errors=True)
