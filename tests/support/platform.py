"""A whole platform, started as a user starts it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import wait_until

START_SECONDS = 240.0
STOP_SECONDS = 20.0
ELSEWHERE = "127.0.0.9"
"""Where tests serve what is elsewhere to a platform: an address of every Linux machine that nothing else uses."""
KEPT = ("STOA_BUILD_INDEX_URL", "STOA_SANDBOX_LAUNCHER")


@dataclass(frozen=True, slots=True)
class RunningPlatform:
    """`stoa up`, ready."""

    dashboard_url: str
    endpoint_url: str
    """The demo server's."""
    api_key: str
    home: Path
    process: subprocess.Popen[bytes]
    log: Path


class PlatformFailed(Exception):
    """It did not come up; the text ends with its last lines."""


@contextlib.contextmanager
def platform(home: Path, *options: str, environment: dict[str, str] | None = None) -> Iterator[RunningPlatform]:
    """Run `stoa up` in a folder until the block ends, then stop it as Ctrl-C does."""
    log = home.parent / f"{home.name}.log"
    with start_up(home, log, *options, environment=environment) as process:
        try:
            yield wait_for(process, home, log)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def start_up(
    home: Path, log: Path, *options: str, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "controlplane.local", "--home", str(home), *options]
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env={**clean_environment(), **(environment or {})},
            cwd=home.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_for(process: subprocess.Popen[bytes], home: Path, log: Path, *, since: int = 0) -> RunningPlatform:
    """Wait until it has said that it is up. `since`: the log's length before this start."""

    def up() -> bool:
        if process.poll() is not None:
            raise PlatformFailed(f"`stoa up` ended with status {process.returncode}.\n{tail(log)}")
        return b"\nStoa is up" in log.read_bytes()[since:]

    try:
        wait_until(up, START_SECONDS)
    except AssertionError:
        raise PlatformFailed(f"`stoa up` was not ready after {START_SECONDS:.0f} s.\n{tail(log)}") from None
    demo = json.loads((home / "demo.json").read_text())
    return RunningPlatform(demo["dashboard_url"], demo["endpoint_url"], demo["api_key"], home, process, log)


def tail(log: Path, lines: int = 60) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def clean_environment(keep: Sequence[str] = KEPT) -> dict[str, str]:
    """This process's environment without the tests' own installation, their place among other processes, and what
    `make test` was told."""
    services = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
    of_make = ("ARGS", "AT_ONCE", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    dropped = {*services, *of_make}
    return {
        name: value
        for name, value in os.environ.items()
        if name in keep or not (name.startswith(("STOA_", "PYTEST_XDIST_")) or name in dropped)
    }


@contextlib.contextmanager
def temporary_home() -> Iterator[Path]:
    """A short path: sockets live in it. Its parent holds the log, so that it survives a reset."""
    with tempfile.TemporaryDirectory(prefix="stoa-up-") as folder:
        yield Path(folder) / "home"
