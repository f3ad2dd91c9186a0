"""Back-off of revisions that crash again and again."""

from __future__ import annotations

from mcp_runtime.sandbox.crashes import HEALTHY_SECONDS, LONGEST_SECONDS, Crashes


def test_the_first_crash_costs_nothing() -> None:
    crashes = Crashes()

    crashes.record(now=100.0, lived=1.0)

    assert crashes.wait(now=100.0) == 0.0


def test_each_further_crash_doubles_the_pause() -> None:
    crashes = Crashes()
    pauses = []

    for _ in range(6):
        crashes.record(now=100.0, lived=0.1)
        pauses.append(round(crashes.wait(now=100.0), 3))

    assert pauses == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6]


def test_the_pause_has_an_upper_bound() -> None:
    crashes = Crashes()

    for _ in range(200):
        crashes.record(now=100.0, lived=0.1)

    assert crashes.wait(now=100.0) == LONGEST_SECONDS


def test_the_pause_passes() -> None:
    crashes = Crashes()

    crashes.record(now=100.0, lived=0.1)
    crashes.record(now=100.0, lived=0.1)

    assert crashes.wait(now=100.1) == 0.0


def test_a_worker_that_lived_long_begins_a_new_row() -> None:
    crashes = Crashes()
    for _ in range(5):
        crashes.record(now=100.0, lived=0.1)

    crashes.record(now=200.0, lived=HEALTHY_SECONDS)

    assert crashes.count == 1
    assert crashes.wait(now=200.0) == 0.0


def test_old_crashes_are_forgotten() -> None:
    crashes = Crashes()
    crashes.record(now=100.0, lived=0.1)

    crashes.forget(now=100.0 + HEALTHY_SECONDS)

    assert crashes.count == 0
