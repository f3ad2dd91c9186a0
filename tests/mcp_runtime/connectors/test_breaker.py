"""An upstream that does not answer is left alone for a while."""

from __future__ import annotations

import pytest

from mcp_runtime.connectors.breaker import FAILURES, FIRST_SECONDS, LONGEST_SECONDS, Breakers, Paused
from mcp_runtime.connectors.outbound import CredentialRefused
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.protocol.errors import McpError

KEY = ("srv_1", "rev_1")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breakers(clock: Clock) -> Breakers:
    return Breakers(clock)


def fail(breakers: Breakers, times: int, error: Exception | None = None) -> None:
    error = error or ClientError("away")
    for _ in range(times):
        with pytest.raises(type(error)), breakers.watching(KEY):
            raise error


def test_after_some_failures_in_a_row_it_is_not_asked(breakers: Breakers) -> None:
    fail(breakers, FAILURES, TimeoutError())

    with pytest.raises(Paused) as paused, breakers.watching(KEY):
        raise AssertionError("It was asked.")
    assert paused.value.retry_after == FIRST_SECONDS


def test_others_and_its_next_revision_are_asked(breakers: Breakers) -> None:
    fail(breakers, FAILURES)

    for key in (("srv_2", "rev_1"), ("srv_1", "rev_2")):
        with breakers.watching(key):
            pass


def test_an_answer_between_failures_counts_from_the_beginning(breakers: Breakers) -> None:
    fail(breakers, FAILURES - 1)
    with breakers.watching(KEY):
        pass
    fail(breakers, FAILURES - 1)

    with breakers.watching(KEY):
        pass


def test_an_error_that_it_answers_is_an_answer(breakers: Breakers) -> None:
    fail(breakers, FAILURES - 1)
    fail(breakers, 1, McpError("no", code=1))
    fail(breakers, FAILURES - 1)

    with breakers.watching(KEY):
        pass


def test_what_answers_with_a_refusal_is_not_away(breakers: Breakers) -> None:
    fail(breakers, FAILURES * 2, CredentialRefused("401"))

    with breakers.watching(KEY):
        pass


def test_one_call_at_a_time_finds_out_whether_it_is_back(breakers: Breakers, clock: Clock) -> None:
    fail(breakers, FAILURES)
    clock.now = FIRST_SECONDS

    with breakers.watching(KEY), pytest.raises(Paused), breakers.watching(KEY):
        raise AssertionError("It was asked twice.")
    with breakers.watching(KEY):
        pass


def test_it_is_left_alone_longer_each_time_up_to_a_limit(breakers: Breakers, clock: Clock) -> None:
    fail(breakers, FAILURES)
    waits = []
    for _ in range(8):
        with pytest.raises(Paused) as paused, breakers.watching(KEY):
            pass
        waits.append(paused.value.retry_after)
        clock.now += paused.value.retry_after
        fail(breakers, 1)

    assert waits[:3] == [FIRST_SECONDS, FIRST_SECONDS * 2, FIRST_SECONDS * 4]
    assert waits[-1] == LONGEST_SECONDS
