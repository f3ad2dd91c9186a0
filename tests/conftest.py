"""The database of the tests: migrated by its owner, used as `stoa_app`, so that row-level security is in force."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from django.test import TransactionTestCase
from hypothesis import HealthCheck, settings
from psycopg import sql
from pytest_django import DjangoDbBlocker
from xdist.remote import Producer

from controlplane.local.pytest_plugin import TestServices
from controlplane.settings.databases import postgres
from tests.support import canaries, scheduling
from tests.support.platform import ELSEWHERE, RunningPlatform, platform, temporary_home

pytest_plugins = ["tests.support.cast"]

if "CI" not in os.environ:  # there Hypothesis has a profile that says the same, and does not vary
    settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("any machine")

KEPT_TABLES = ("django_migrations", "django_content_type", "auth_permission")
"""What `migrate` fills; emptying it would leave the next test a database that no installation has."""


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> scheduling.PlatformOnce | None:
    return scheduling.PlatformOnce(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    scheduling.check(items)


@pytest.fixture(scope="session")
def django_db_setup(
    services: TestServices, django_test_environment: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Replaces pytest-django's: the settings already name the test database, under the role that may do least."""
    with django_db_blocker.unblock():
        _create_database(services)
        with as_owner():
            call_command("migrate", verbosity=0)

    with pytest.MonkeyPatch.context() as patch:
        # Django would empty the tables as `stoa_app`, which may not TRUNCATE.
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: _empty_tables(services))
        yield
    with django_db_blocker.unblock():
        connections.close_all()


@pytest.fixture(scope="session")
def running_platform() -> Iterator[RunningPlatform]:
    """`stoa up`, started once for all tests that need the whole. Of this machine it reaches one address."""
    with temporary_home() as home, platform(home, environment={"STOA_FETCH_NETWORKS": f"{ELSEWHERE}/32"}) as running:
        yield running
        leaked = canaries.leaks(running) if canaries.PLANTED else []
        assert leaked == []


@contextlib.contextmanager
def as_owner() -> Iterator[None]:
    """Django's connection is the owner's inside the block, as it is under `manage.py migrate`."""
    app = connections["default"]
    owner = type(app)({**app.settings_dict, **postgres(os.environ["DATABASE_OWNER_URL"], pool_size=0)}, "default")
    app.close()
    connections["default"] = owner
    try:
        yield
    finally:
        owner.close()
        connections["default"] = app


def _create_database(services: TestServices) -> None:
    """`stoa` is there; the further ones of pytest-xdist's workers are copies of it, roles' privileges included."""
    name = services.database
    if name == "stoa":
        return
    with psycopg.connect(services.maintenance_url, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE DATABASE {} TEMPLATE stoa STRATEGY file_copy").format(sql.Identifier(name)))
        # A copy has the template's tables and privileges inside, not those on the database itself.
        owner.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        owner.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO stoa_app").format(sql.Identifier(name)))


def _empty_tables(services: TestServices) -> None:
    """After a test that committed, as the owner."""
    for connection in connections.all(initialized_only=True):
        connection.close()
    with psycopg.connect(services.urls.owner) as owner:
        rows = owner.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND NOT tablename = ANY(%s)",
            [list(KEPT_TABLES)],
        ).fetchall()
        if rows:
            tables = sql.SQL(", ").join(sql.Identifier(name) for (name,) in rows)
            owner.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(tables))
