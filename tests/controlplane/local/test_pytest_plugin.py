"""What every database test relies on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import redis
from django.contrib.contenttypes.models import ContentType
from django.db import ProgrammingError, connection

from tests.support import wait_until
from tests.support.platform import clean_environment

ROOT = Path(__file__).parents[3]

HANGS = """
import os, pathlib, time

def test_it(services):
    pathlib.Path("folder").write_text(os.environ["STOA_TEST_FOLDER"])
    time.sleep(600)
"""


def who() -> tuple[str, bool, bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        name, is_super, bypasses = cursor.fetchone()
    return name, is_super, bypasses


@pytest.mark.django_db
def test_tests_run_as_the_application_s_role() -> None:
    assert who() == ("stoa_app", False, False)


@pytest.mark.django_db
def test_the_application_s_role_owns_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relowner = 'stoa_app'::regrole")
        (owned,) = cursor.fetchone()

    assert owned == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement", ["TRUNCATE django_session", "CREATE TABLE mine (a int)", "CREATE TEMP TABLE mine (a int)"]
)
def test_the_application_s_role_may_not(statement: str) -> None:
    with pytest.raises(ProgrammingError), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_a_test_that_commits_is_cleaned_up_after() -> None:
    ContentType.objects.create(app_label="left", model="over")

    assert who()[0] == "stoa_app"


def test_redis_answers(redis_url: str) -> None:
    with redis.from_url(redis_url) as client:
        assert client.ping()


def test_a_killed_session_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_hangs.py").write_text(HANGS)
    options = [f"--rootdir={ROOT}", f"--config-file={ROOT / 'pyproject.toml'}", "-p", "no:cacheprovider"]
    said = tmp_path / "folder"
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", *options, "test_hangs.py"],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
    ) as session:
        folder = Path(str(wait_until(lambda: said.exists() and said.read_text(), 60)))

        session.kill()

        wait_until(lambda: not folder.exists(), 15)


def test_the_caller_s_own_database_is_out_of_reach(tmp_path: Path) -> None:
    (tmp_path / "test_url.py").write_text("import os\n\ndef test_it():\n    print(os.environ['DATABASE_URL'])\n")
    options = [f"--rootdir={ROOT}", f"--config-file={ROOT / 'pyproject.toml'}", "-p", "no:cacheprovider"]

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-qs", *options, "test_url.py"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "DATABASE_URL": "postgresql://stoa_app@production/stoa"},
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )

    assert "stoa-tests-" in ended.stdout
    assert "production" not in ended.stdout
