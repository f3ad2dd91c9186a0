"""Passwords cannot be tried at will, and nobody locks anybody out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from controlplane.accounts import throttling
from controlplane.accounts.models import SignInAttempts
from controlplane.accounts.throttling import ACCOUNT, ACCOUNT_FROM_PLACE, PLACE
from tests.support.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db

BEN = "ben@acme.example"


def test_few_attempts_for_one_account_from_one_place() -> None:
    waits = [throttling.take(BEN, "192.0.2.1") for _ in range(ACCOUNT_FROM_PLACE.attempts + 1)]

    assert waits[:-1] == [None] * ACCOUNT_FROM_PLACE.attempts
    assert waits[-1] is not None
    assert timedelta() < waits[-1] <= ACCOUNT_FROM_PLACE.window


def test_the_owner_gets_in_from_elsewhere_meanwhile() -> None:
    for _ in range(ACCOUNT_FROM_PLACE.attempts * 3):
        throttling.take(BEN, "192.0.2.1")

    assert throttling.take(BEN, "192.0.2.2") is None


def test_the_case_of_an_address_makes_no_other_account() -> None:
    for _ in range(ACCOUNT_FROM_PLACE.attempts):
        throttling.take(BEN, "192.0.2.1")

    assert throttling.take(" BEN@acme.example", "192.0.2.1") is not None


def test_one_place_cannot_try_many_accounts() -> None:
    waits = [throttling.take(f"{number}@acme.example", "192.0.2.1") for number in range(PLACE.attempts + 1)]

    assert waits[:-1] == [None] * PLACE.attempts
    assert waits[-1] is not None


def test_many_places_cannot_try_one_account() -> None:
    waits = [throttling.take(BEN, f"place {number}") for number in range(ACCOUNT.attempts + 1)]

    assert waits[:-1] == [None] * ACCOUNT.attempts
    assert waits[-1] is not None


def test_after_the_window_it_starts_anew() -> None:
    now = timezone.now()
    for _ in range(ACCOUNT_FROM_PLACE.attempts + 1):
        throttling.take(BEN, "192.0.2.1", now=now)

    assert throttling.take(BEN, "192.0.2.1", now=now + ACCOUNT_FROM_PLACE.window) is None


def test_the_table_does_not_name_anybody() -> None:
    throttling.take(BEN, "192.0.2.1")

    assert not any("ben" in key or "192" in key[:3] for key in SignInAttempts.objects.values_list("key", flat=True))


def test_the_page_says_to_wait_even_to_the_right_password(client: Client, cast: Cast) -> None:
    for _ in range(ACCOUNT_FROM_PLACE.attempts):
        assert client.post("/login/", {"username": BEN, "password": "wrong"}).status_code == 200

    answer = client.post("/login/", {"username": BEN, "password": PASSWORD})

    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 600
    assert b"Too many attempts" in answer.content
    assert client.get("/").status_code == 302


def test_the_right_password_forgets_the_wrong_ones(client: Client, cast: Cast) -> None:
    for _ in range(ACCOUNT_FROM_PLACE.attempts * 2):
        assert client.post("/login/", {"username": BEN, "password": "wrong"}).status_code == 200
        assert client.post("/login/", {"username": BEN, "password": PASSWORD}).status_code == 302
