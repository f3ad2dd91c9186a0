"""Each test imports the settings in a process of its own: they read the environment once."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from controlplane.settings.databases import broker, postgres

KEY = base64.b64encode(b"k" * 32).decode()
PRODUCTION = {
    "STOA_SECRET_KEY": "s" * 50,
    "STOA_KEY_ENCRYPTION_KEY": KEY,
    "STOA_PUBLIC_URL": "https://mcp.example.com/",
    "DATABASE_URL": "postgresql://stoa_app:p%40ss@db.example.com:5433/stoa",
    "REDIS_URL": "redis://redis.example.com:6379/0",
    "STOA_HOME": "/var/lib/stoa",
}


def read(environment: dict[str, str], *names: str) -> Any:
    """The settings' values under exactly this environment."""
    code = (
        "import json, controlplane.settings as s; "
        f"print(json.dumps([getattr(s, name) for name in {list(names)!r}], default=str))"
    )
    done = _python(code, environment)
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    return values[0] if len(names) == 1 else values


def refusal(environment: dict[str, str]) -> str:
    done = _python("import controlplane.settings", environment)
    assert done.returncode != 0
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("missing", [name for name in PRODUCTION if name != "STOA_HOME"])
def test_production_does_not_start_without(missing: str) -> None:
    message = refusal({name: value for name, value in PRODUCTION.items() if name != missing})

    assert f"{missing} is not set" in message


def test_production_is_what_you_get_without_saying_so() -> None:
    assert read(PRODUCTION, "STOA_ENV") == "production"


def test_production_refuses_a_short_secret_key() -> None:
    assert "shorter than 32" in refusal(PRODUCTION | {"STOA_SECRET_KEY": "short"})


def test_an_unknown_environment_is_refused() -> None:
    assert "development, test, production" in refusal({"STOA_ENV": "staging"})


def test_production_takes_secrets_from_files(tmp_path: Path) -> None:
    (tmp_path / "database").write_text(PRODUCTION["DATABASE_URL"] + "\n")
    environment = {name: value for name, value in PRODUCTION.items() if name != "DATABASE_URL"}

    databases = read(environment | {"DATABASE_URL_FILE": str(tmp_path / "database")}, "DATABASES")

    assert databases["default"]["PASSWORD"] == "p@ss"


def test_production_cookies_stay_on_https() -> None:
    values = read(PRODUCTION, "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SESSION_COOKIE_NAME", "DEBUG")

    assert values == [True, True, "__Host-stoa_session", False]


def test_hosts_follow_the_public_address() -> None:
    assert read(PRODUCTION, "ALLOWED_HOSTS") == ["mcp.example.com"]
    assert read(PRODUCTION | {"STOA_ALLOWED_HOSTS": "a.example, b.example"}, "ALLOWED_HOSTS") == [
        "a.example",
        "b.example",
    ]


@pytest.mark.protocol("H-10")
def test_pages_of_other_origins_are_let_in_by_name_only() -> None:
    name = "STOA_ALLOWED_ORIGINS"

    assert read(PRODUCTION, name) == []
    assert read(PRODUCTION | {name: "https://console.example.com"}, name) == ["https://console.example.com"]
    for wrong in ("*", "console.example.com", "https://console.example.com/"):
        assert "is no origin" in refusal(PRODUCTION | {name: wrong})


def test_two_key_encryption_keys_are_accepted_while_rotating() -> None:
    previous = base64.b64encode(b"p" * 32).decode()

    keys = read(PRODUCTION | {"STOA_KEY_ENCRYPTION_KEY_PREVIOUS": previous}, "STOA_KEY_ENCRYPTION_KEYS")

    assert keys == [str(b"k" * 32), str(b"p" * 32)]


def test_the_application_logs_in_as_its_own_role() -> None:
    database = read(PRODUCTION | {"DATABASE_OWNER_URL": "postgresql://stoa_owner@db/stoa"}, "DATABASES")["default"]

    assert (database["USER"], database["HOST"], database["PORT"]) == ("stoa_app", "db.example.com", "5433")


def test_migrations_log_in_as_the_owner() -> None:
    environment = PRODUCTION | {"STOA_DB_ROLE": "owner", "DATABASE_OWNER_URL": "postgresql://stoa_owner@db/stoa"}

    assert read(environment, "DATABASES")["default"]["USER"] == "stoa_owner"
    assert "DATABASE_OWNER_URL is not set" in refusal(PRODUCTION | {"STOA_DB_ROLE": "owner"})


def test_development_needs_nothing() -> None:
    values = read({"STOA_ENV": "development"}, "STOA_KEY_ENCRYPTION_KEYS", "STOA_PUBLIC_URL")

    assert values == [[], "http://127.0.0.1:8000"]


def test_development_has_no_secret_that_could_be_guessed() -> None:
    environment = {"STOA_ENV": "development"}

    assert read(environment, "SECRET_KEY") != read(environment, "SECRET_KEY")


def test_importing_the_settings_opens_no_connection() -> None:
    code = (
        "import socket; socket.socket.connect = None; import controlplane.settings, django; "
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'controlplane.settings'; django.setup()"
    )

    done = _python(code, PRODUCTION)

    assert done.returncode == 0, done.stderr


def test_a_worker_does_not_stay_deaf_after_silence() -> None:
    options = read(PRODUCTION, "CELERY_BROKER_TRANSPORT_OPTIONS")

    assert (options["socket_timeout"], options["socket_keepalive"]) == (30, True)


def test_a_message_is_not_delivered_again_while_its_task_may_still_run() -> None:
    options, limit = read(PRODUCTION, "CELERY_BROKER_TRANSPORT_OPTIONS", "CELERY_TASK_TIME_LIMIT")

    assert options["visibility_timeout"] > 2 * limit


def test_a_unix_socket_is_spelled_as_each_library_has_it() -> None:
    assert broker("unix:///run/redis.sock") == "redis+socket:///run/redis.sock"
    assert broker("redis://host:6379/0") == "redis://host:6379/0"


def test_a_socket_folder_and_options_come_from_the_query() -> None:
    database = postgres("postgresql://stoa_app@/stoa?host=/run/pg&sslmode=require", pool_size=0)

    assert (database["HOST"], database["NAME"], database["OPTIONS"]["sslmode"]) == ("/run/pg", "stoa", "require")
    assert "pool" not in database["OPTIONS"]


def test_a_pool_waits_seconds_not_minutes() -> None:
    database = postgres("postgresql://stoa_app@db/stoa", pool_size=7)

    assert database["OPTIONS"]["pool"]["max_size"] == 7
    assert database["OPTIONS"]["pool"]["timeout"] <= 5
    assert database["CONN_MAX_AGE"] == 0


def _python(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
