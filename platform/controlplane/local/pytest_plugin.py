"""Tests get a real PostgreSQL and a real Redis, in a temporary folder that nothing survives.

Loaded with `-p` so that it sets the environment before pytest-django imports the settings. The addresses are known
before anything runs behind them, so the services start when the first test asks for the `services` fixture (every
database test does), and a run of pure tests starts none. Under pytest-xdist the controller starts PostgreSQL, and each
worker gets a database and a Redis of its own: what is published in one is heard in all of Redis's databases.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.local.home import Home
from controlplane.local.postgres import Postgres, PostgresUrls
from controlplane.local.processes import Ledger
from controlplane.local.redis import Redis
from controlplane.local.services import postgres, redis
from controlplane.local.warden import watching

FOLDER = "STOA_TEST_FOLDER"
"""Tells pytest-xdist's workers where the controller's PostgreSQL is."""

_XDIST_WORKER = os.environ.get("PYTEST_XDIST_WORKER")

_KEPT = ("STOA_BUILD_INDEX_URL", "STOA_SANDBOX_LAUNCHER")
"""The only variables of the caller's own Stoa that tests may see: never its database."""

_OF_A_WORKER = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")
"""What differs between pytest-xdist's workers."""


class TestServices:
    """The services of one test session, and the addresses they have or will have."""

    __test__ = False

    def __init__(self, *, database: str = "stoa", postgres_of: Home | None = None) -> None:
        """In a folder of their own, which `close()` removes; or the warden, if this process is killed.

        `postgres_of`: the folder of who starts PostgreSQL instead.
        """
        self.home = Home(Path(tempfile.mkdtemp(prefix="stoa-tests-")))
        self.home.create()
        self.database = database
        self._starts_postgres = postgres_of is None
        served = Postgres(postgres_of or self.home)
        self.urls: PostgresUrls = served.urls(database)
        self.maintenance_url = served.urls("postgres").owner
        self.redis_url = Redis(self.home).url
        self._ledger = Ledger.new(self.home.run)
        self._cleaning = contextlib.ExitStack()
        self._cleaning.enter_context(watching(self._ledger.path, remove=self.home.root))
        self._started = False

    def start(self) -> None:
        """Start what is its own; a second call does nothing."""
        if self._started:
            return
        self._started = True
        root = self.home.root
        if self._starts_postgres:
            self._cleaning.enter_context(
                postgres(self.home, ledger=self._ledger, log=root / "postgres.log", for_tests=True)
            )
        self._cleaning.enter_context(redis(self.home, ledger=self._ledger, log=root / "redis.log", for_tests=True))

    def close(self) -> None:
        self._cleaning.close()

    def environment(self) -> dict[str, str]:
        return {
            "STOA_ENV": "test",
            "STOA_HOME": str(self.home.root),
            "STOA_STORE": str(self.home.store),
            "STOA_RUNNER_SOCKET": str(self.home.runner_socket),
            "STOA_PUBLIC_URL": "http://127.0.0.1:8000",
            "STOA_SECRET_KEY": secrets.token_urlsafe(48),
            "STOA_KEY_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "DATABASE_URL": self.urls.app,
            "DATABASE_OWNER_URL": self.urls.owner,
            "REDIS_URL": self.redis_url,
        }


_SERVICES = pytest.StashKey[TestServices]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """A wrapper runs before every plain implementation, among them pytest-django's, which imports the settings."""
    if _XDIST_WORKER:
        services = TestServices(database=f"stoa_{_XDIST_WORKER}", postgres_of=Home(Path(os.environ[FOLDER])))
        os.environ |= {name: value for name, value in services.environment().items() if name in _OF_A_WORKER}
    else:
        services = TestServices()
        _forget_callers_installation()
        os.environ |= {FOLDER: str(services.home.root), **services.environment()}
    early_config.stash[_SERVICES] = services
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """The xdist controller starts PostgreSQL for its workers; it has no fixtures to do so later."""
    if config.getoption("tx", None) and not _XDIST_WORKER:
        config.stash[_SERVICES].start()


def pytest_unconfigure(config: pytest.Config) -> None:
    services = config.stash.get(_SERVICES, None)
    if services:
        services.close()


@pytest.fixture(scope="session")
def services(pytestconfig: pytest.Config) -> TestServices:
    """PostgreSQL and Redis, running."""
    services = pytestconfig.stash[_SERVICES]
    services.start()
    return services


@pytest.fixture(scope="session")
def redis_url(services: TestServices) -> str:
    """The address of a running Redis, for tests that need no database."""
    return services.redis_url


def _forget_callers_installation() -> None:
    for name in list(os.environ):
        ours = name.startswith("STOA_") or name.removesuffix("_FILE") in (
            "DATABASE_URL",
            "DATABASE_OWNER_URL",
            "REDIS_URL",
        )
        if ours and name not in _KEPT:
            del os.environ[name]
