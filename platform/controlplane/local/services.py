"""The two services as context managers: inside the block they run, after it nothing of them does."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from controlplane.local import processes
from controlplane.local.home import Home
from controlplane.local.postgres import STOP_SIGNAL as POSTGRES_STOP_SIGNAL
from controlplane.local.postgres import Postgres, PostgresError, PostgresUrls
from controlplane.local.processes import Ledger
from controlplane.local.redis import STOP_SIGNAL as REDIS_STOP_SIGNAL
from controlplane.local.redis import Redis, RedisError

__all__ = ["Home", "PostgresError", "PostgresUrls", "RedisError", "postgres", "redis"]

STOP_SECONDS = 10.0


@contextlib.contextmanager
def postgres(
    home: Home, *, ledger: Ledger | None = None, log: Path | None = None, for_tests: bool = False
) -> Iterator[PostgresUrls]:
    """Serve the database under `home`, made on first use. Output goes to `log`, else where this process writes."""
    server = Postgres(home, for_tests=for_tests)
    server.prepare()
    with _running("postgres", server, POSTGRES_STOP_SIGNAL, ledger, log):
        yield server.urls()


@contextlib.contextmanager
def redis(
    home: Home, *, ledger: Ledger | None = None, log: Path | None = None, for_tests: bool = False
) -> Iterator[str]:
    """Serve Redis under `home` and yield its URL."""
    server = Redis(home, for_tests=for_tests)
    server.prepare()
    with _running("redis", server, REDIS_STOP_SIGNAL, ledger, log):
        yield server.url


@contextlib.contextmanager
def _running(
    name: str, server: Postgres | Redis, stop_signal: processes.Signal, ledger: Ledger | None, log: Path | None
) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("ab")).fileno() if log else None
        process = processes.start(server.command, env=server.environment, stdout=output)
        stack.callback(_end, process, stop_signal, ledger)
        if ledger:
            ledger.add(name, process.pid, stop_signal)
        server.wait_ready(process)
        yield


def _end(process: subprocess.Popen[bytes], stop_signal: processes.Signal, ledger: Ledger | None) -> None:
    processes.stop(process, stop_signal, patience=STOP_SECONDS)
    if ledger:
        ledger.remove(process.pid)
