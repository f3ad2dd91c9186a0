"""What every database test relies on."""

from __future__ import annotations

import pytest
import redis
from django.contrib.contenttypes.models import ContentType
from django.db import ProgrammingError, connection


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
