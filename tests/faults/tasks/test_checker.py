"""The judge itself: what it must find, and what is no fault."""

from __future__ import annotations

from typing import Literal

import pytest

from tests.faults.tasks.checker import recoveries, violations
from tests.faults.tasks.history import Accepted, Event, GaveUp, Healed, Injured, Seen, Unknown


def accepted(tool: Literal["again", "once"] = "again") -> Accepted:
    return Accepted(1, "tsk_1", "a", tool)


def completed(at: float, *, key: str = "a", run: str = "r1") -> Seen:
    return Seen(at, "tsk_1", "completed", key=key, run=run)


def working(at: float, message: str = "r1 1") -> Seen:
    return Seen(at, "tsk_1", "working", message)


def failed(at: float) -> Seen:
    return Seen(at, "tsk_1", "failed", error="gone")


def test_a_task_that_ran_through_is_no_violation() -> None:
    assert violations([accepted(), working(2), completed(3), completed(4)]) == []


def test_what_may_be_called_twice_may_have_two_runs() -> None:
    assert violations([accepted(), working(2), Injured(3, "worker"), working(4, "r2 1"), completed(5, run="r2")]) == []


def test_what_may_not_be_called_twice_may_fail_where_something_was_injured() -> None:
    assert violations([accepted("once"), working(2), Injured(3, "worker"), failed(4)]) == []


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([accepted(), working(2), GaveUp(9, "tsk_1")], "no outcome"),
        ([accepted(), Unknown(2, "tsk_1"), completed(3)], "no such task"),
        ([accepted(), completed(2), completed(3, run="r2")], "2 outcomes"),
        ([accepted(), completed(2), working(3)], "then it was not"),
        ([accepted(), completed(2, key="b")], "another call"),
        ([accepted(), Injured(2, "worker"), failed(3)], "may be called twice"),
        ([accepted("once"), working(2), working(3, "r2 1"), completed(4)], "may not be called twice"),
        ([accepted("once"), working(2), failed(3)], "nothing had been injured"),
        ([accepted(), accepted(), completed(2)], "accepted 2 times"),
    ],
)
def test_every_broken_promise_is_found(events: list[Event], words: str) -> None:
    found = violations(events)

    assert any(words in one for one in found), found


def test_recovery_counts_from_the_fault_to_the_next_word_of_a_task() -> None:
    before: list[Event] = [accepted(), working(2), Injured(3, "worker"), working(5)]

    assert recoveries([*before, working(21, "r2 1"), completed(22, run="r2")]) == {"worker": 18}


def test_a_fault_that_lasts_counts_from_its_end() -> None:
    before: list[Event] = [accepted(), working(2), Injured(3, "freeze"), Healed(40, "freeze")]

    assert recoveries([*before, completed(42, run="r1")]) == {"freeze": 2}


def test_what_was_said_before_a_fault_and_seen_after_it_is_no_recovery() -> None:
    before: list[Event] = [accepted(), working(2), Injured(3, "worker"), working(4, "r1 2")]

    assert recoveries([*before, working(24, "r2 2"), completed(25, run="r2")]) == {"worker": 21}
