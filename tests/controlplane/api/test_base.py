"""What every route offers by one mechanism: dry runs, Idempotency-Key, tags and If-Match, limits."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from pytest_django import Settings

from controlplane.api.models import RepeatableAnswer
from controlplane.audit.models import Entry
from controlplane.keys.authentication import principal_for
from controlplane.keys.models import ApiKey
from controlplane.registry.services import register
from tenants.context import acting_for
from tests.controlplane.api.conftest import Bearer
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db

ACME = "/api/v1/tenants/acme"
KEY = {"name": "bot", "scopes": ["mcp:call"]}


def send(client: Client, method: str, path: str, body: object = None, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = json.dumps({} if body is None else body)
    return client.generic(method, f"{ACME}/{path}", data=data, content_type="application/json", headers=named)


def names(cast: Cast) -> list[str]:
    with acting_for(cast.acme.id):
        return list(ApiKey.objects.exclude(name="test").values_list("name", flat=True))


def test_a_dry_run_answers_as_the_real_one_and_leaves_nothing(ben: Client, cast: Cast) -> None:
    with acting_for(cast.acme.id):
        before = Entry.objects.count()
    tried = send(ben, "POST", "keys?dry_run=true", KEY)

    assert (tried.status_code, tried.headers["Dry-Run"]) == (201, "true")
    assert names(cast) == []
    assert principal_for(tried.json()["key"]) is None
    with acting_for(cast.acme.id):
        assert Entry.objects.count() == before


def test_a_dry_run_finds_the_faults_of_the_real_one(ben: Client) -> None:
    assert send(ben, "POST", "keys?dry_run=true", {**KEY, "scopes": ["fly"]}).status_code == 422
    assert send(ben, "DELETE", "keys/key_none?dry_run=true").status_code == 404


def test_what_reaches_beyond_the_database_is_not_tried(ben: Client) -> None:
    answer = send(ben, "POST", "remotes/probe?dry_run=true", {"url": "https://x.example"})

    assert (answer.status_code, answer.json()["code"]) == (422, "dry_run_unavailable")


def test_a_repeated_request_is_answered_again_and_not_done_again(ben: Client, cast: Cast) -> None:
    first = send(ben, "POST", "keys", KEY, idempotency_key="once")
    second = send(ben, "POST", "keys", KEY, idempotency_key="once")

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert names(cast) == ["bot"]


def test_an_answer_that_is_kept_shows_nothing(ben: Client, cast: Cast) -> None:
    key = send(ben, "POST", "keys", KEY, idempotency_key="once").json()["key"]

    with acting_for(cast.acme.id), connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(a)::text FROM api_repeatableanswer a")
        rows = str(cursor.fetchall())
    assert key not in rows
    assert key.encode().hex() not in rows


def test_a_key_is_good_for_one_request(ben: Client) -> None:
    send(ben, "POST", "keys", KEY, idempotency_key="once")

    other = send(ben, "POST", "keys", {**KEY, "name": "other"}, idempotency_key="once")

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_key_is_its_callers_own(ben: Client, bearer: Bearer, cast: Cast) -> None:
    first = send(ben, "POST", "keys", KEY, idempotency_key="once")
    other = send(bearer(), "POST", "keys", KEY, idempotency_key="once")

    assert other.json()["id"] != first.json()["id"]
    assert names(cast) == ["bot", "bot"]


def test_a_request_that_failed_can_be_corrected(ben: Client) -> None:
    wrong = send(ben, "POST", "keys", {**KEY, "scopes": []}, idempotency_key="once")
    right = send(ben, "POST", "keys", KEY, idempotency_key="once")

    assert (wrong.status_code, right.status_code) == (422, 201)


def test_a_dry_run_uses_up_no_key(ben: Client) -> None:
    send(ben, "POST", "keys?dry_run=true", KEY, idempotency_key="once")

    assert "Idempotency-Replayed" not in send(ben, "POST", "keys", KEY, idempotency_key="once").headers


@pytest.mark.parametrize("key", ["", "with space", "x" * 256, "ümlaut"])
def test_what_is_no_key_is_refused(ben: Client, key: str) -> None:
    answer = send(ben, "POST", "keys", KEY, idempotency_key=key)

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_idempotency_key")


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_is_done(bearer: Bearer, cast: Cast) -> None:
    client = bearer()
    answers: list[Any] = []

    def run() -> None:
        try:
            answers.append(send(client, "POST", "keys", KEY, idempotency_key="once"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["key"] for answer in answers}) == 1
    assert names(cast) == ["bot"]


def test_what_is_read_has_a_tag_and_is_not_sent_twice(ben: Client) -> None:
    first = send(ben, "GET", "servers")
    second = send(ben, "GET", "servers", if_none_match=first.headers["ETag"])

    assert (second.status_code, second.content) == (304, b"")
    assert send(ben, "GET", "servers", if_none_match='"other"').status_code == 200


def test_a_change_of_what_changed_meanwhile_is_refused(ben: Client, cast: Cast) -> None:
    with acting_for(cast.acme.id):
        register("weather", acting=None)
    read = send(ben, "GET", "servers/weather").headers["ETag"]

    first = send(ben, "PATCH", "servers/weather", {"hosts": ["a.example"]}, if_match=read)
    second = send(ben, "PATCH", "servers/weather", {"hosts": ["b.example"]}, if_match=read)
    forced = send(ben, "PATCH", "servers/weather", {"hosts": ["b.example"]}, if_match="*")

    assert (first.status_code, forced.status_code) == (200, 200)
    assert (second.status_code, second.json()["code"]) == (412, "changed_meanwhile")


def test_every_answer_tells_how_much_is_left(ben: Client, settings: Settings) -> None:
    settings.STOA_API_REQUESTS_A_MINUTE = 2
    answers = [send(ben, "GET", "servers") for _ in range(4)]  # a minute may end in between

    last = next(answer for answer in reversed(answers) if answer.status_code == 429)
    assert (last.headers["RateLimit-Limit"], last.headers["RateLimit-Remaining"]) == ("2", "0")
    assert last.headers["Retry-After"] == last.headers["RateLimit-Reset"]
    assert last.json()["code"] == "too_many_requests"
    assert answers[0].headers["RateLimit-Remaining"] == "1"


def test_without_redis_nobody_is_counted_or_kept_out(ben: Client, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock"

    answer = send(ben, "GET", "servers")

    assert answer.status_code == 200
    assert "RateLimit-Limit" not in answer.headers


def test_kept_answers_end_after_a_day(ben: Client, cast: Cast) -> None:
    send(ben, "POST", "keys", KEY, idempotency_key="old")
    with acting_for(cast.acme.id), connection.cursor() as cursor:
        cursor.execute("UPDATE api_repeatableanswer SET created_at = created_at - interval '25 hours'")

    again = send(ben, "POST", "keys", KEY, idempotency_key="old")

    assert "Idempotency-Replayed" not in again.headers
    with acting_for(cast.acme.id):
        assert RepeatableAnswer.objects.count() == 1
