"""`stoa up --check`: does this machine have what a local installation needs? Says what is missing, and the remedy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from controlplane.local import postgres, redis
from controlplane.local.console import Console
from controlplane.local.home import Home, HomeError
from controlplane.local.lock import AlreadyRunning, only_one
from controlplane.local.postgres import PostgresError
from controlplane.local.redis import RedisError


def run(home: Home, console: Console) -> int:
    """Print one line for each check. Returns 0 when nothing is missing."""
    missing = 0
    for name, check in CHECKS.items():
        try:
            finding = check(home)
        except (HomeError, PostgresError, RedisError, AlreadyRunning, OSError) as error:
            missing += 1
            console.say(f"missing  {name}: {error}")
        else:
            console.say(f"ok       {name}: {finding}")
    return 1 if missing else 0


def _folder(home: Home) -> str:
    home.create()
    with only_one(home.lock):
        return f"{home.root} is ours, and nothing runs from it"


def _python(_: Home) -> str:
    return f"{sys.version.split()[0]} at {sys.executable}"


def _postgres(_: Home) -> str:
    """Run a harmless program of it the way the server would be run."""
    if os.environ.get("DATABASE_URL"):
        return "yours, by DATABASE_URL"
    command = [*postgres.as_someone(), str(postgres.binary("postgres")), "--version"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise PostgresError(
            f"{ended.stderr.strip()}. As root it needs user namespaces: run as an ordinary user, or set DATABASE_URL "
            "and DATABASE_OWNER_URL."
        )
    return f"{ended.stdout.strip()}" + (", in a user namespace" if postgres.as_someone() else "")


def _redis(_: Home) -> str:
    return "yours, by REDIS_URL" if os.environ.get("REDIS_URL") else str(redis.program())


CHECKS: dict[str, Callable[[Home], str]] = {
    "Python": _python,
    "folder": _folder,
    "PostgreSQL": _postgres,
    "Redis": _redis,
}
