"""`stoa doctor`: what stands is said to stand, and what is missing is named with its remedy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis
from django.test import Client
from pytest_django.fixtures import Settings

from controlplane import probing
from controlplane.cli.doctor import database, findings, messenger, web
from controlplane.local.pytest_plugin import TestServices
from tests.conftest import as_owner
from tests.support.cast import Cast
from tests.support.platform import clean_environment

STOA = str(Path(sys.executable).parent / "stoa")


def of(found: list[findings.Finding], check: str) -> findings.Finding:
    (finding,) = [finding for finding in found if finding.check == check]
    return finding


@pytest.mark.django_db
def test_a_database_that_is_as_it_should_be(cast: Cast) -> None:
    found = list(database.check())

    assert {finding.check: finding.level.value for finding in found} == dict.fromkeys(
        ("database role", "row-level security", "migrations", "clock", "keys"), "ok"
    )


@pytest.mark.django_db
def test_who_serves_as_the_owner_is_told() -> None:
    with as_owner():
        finding = of(list(database.check()), "database role")

    assert finding.level == "error"
    assert "stoa_owner owns" in finding.message
    assert "stoa_app" in finding.remedy


@pytest.mark.django_db(transaction=True)
def test_a_table_without_its_wall_is_named(services: TestServices) -> None:
    with psycopg.connect(services.urls.owner, autocommit=True) as owner:
        owner.execute("ALTER TABLE calls_call NO FORCE ROW LEVEL SECURITY")
        try:
            finding = of(list(database.check()), "row-level security")
        finally:
            owner.execute("ALTER TABLE calls_call FORCE ROW LEVEL SECURITY")

    assert finding.level == "error"
    assert finding.message == "not forced on: calls_call"


@pytest.mark.django_db
def test_a_key_from_elsewhere_is_told(cast: Cast, settings: Settings) -> None:
    settings.STOA_KEY_ENCRYPTION_KEYS = (b"x" * 32,)

    finding = of(list(database.check()), "keys")

    assert finding.level == "error"
    assert "backed up" in finding.remedy


def test_a_redis_that_forgets_is_told(redis_url: str, settings: Settings) -> None:
    settings.REDIS_URL = redis_url
    client = redis.Redis.from_url(redis_url)
    client.config_set("maxmemory-policy", "volatile-lru")
    try:
        finding = of(list(messenger.check()), "redis memory")
    finally:
        client.config_set("maxmemory-policy", "noeviction")
        client.close()

    assert finding.level == "error"
    assert finding.remedy == "Set maxmemory-policy noeviction."


def test_an_address_that_leads_nowhere_is_told(settings: Settings) -> None:
    settings.STOA_PUBLIC_URL = "http://127.0.0.1:1"

    found = list(web.check())

    assert of(found, "public address").level == "error"
    assert of(found, "mail").level == "warning"


def test_the_probe_tells_what_it_saw_to_the_doctor_alone() -> None:
    shown = Client().get("/healthz", headers={probing.HEADER: probing.make_pass()}).json()
    hidden = Client().get("/healthz", headers={probing.HEADER: "doctor:1:x"}).json()

    assert shown == {"status": "ok", "client": "127.0.0.1", "scheme": "http"}
    assert hidden == {"status": "ok"}


def test_wrong_configuration_is_the_first_finding(tmp_path: Path) -> None:
    done = _doctor({"STOA_HOME": str(tmp_path), "DATABASE_URL": "postgresql://a@b/c", "STOA_LOG_LEVEL": "LOUD"})

    (finding,) = json.loads(done.stdout)
    assert done.returncode == 1
    assert finding["message"] == "STOA_LOG_LEVEL='LOUD' is not a known value."
    assert finding["remedy"] == "Allowed: DEBUG, INFO, WARNING, ERROR."


def _doctor(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [STOA, "doctor", "--json"],
        env={**clean_environment(), "PATH": os.environ["PATH"], **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
