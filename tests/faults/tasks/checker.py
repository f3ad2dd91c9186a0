"""Judges a history: each accepted task has exactly one outcome, none is lost, none is recorded twice, what may be
called twice completes, and what may not is begun once; all of it goes on soon after a fault."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.faults.tasks.history import Accepted, Event, GaveUp, Healed, Injured, Seen, Unknown

OVER = frozenset({"completed", "failed", "cancelled"})
STALE_SECONDS = 5.0
"""What a client sees so soon after a fault may have been said before it: a recovery is not over with it."""


@dataclass(slots=True)
class Life:
    """All that is known of one task."""

    accepted: Accepted
    seen: list[Seen] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)
    gave_up: bool = False

    @property
    def ends(self) -> list[Seen]:
        return [one for one in self.seen if one.status in OVER]

    @property
    def runs(self) -> set[str]:
        """As many of its runs as were seen."""
        said = {one.message.partition(" ")[0] for one in self.seen if one.status == "working" and one.message}
        return said | {one.run for one in self.seen if one.run}


def violations(events: Iterable[Event]) -> list[str]:
    """What is wrong, in words; nothing where everything was kept."""
    history = list(events)
    found = [
        f"The task {task} was accepted {count} times."
        for task, count in _counted(event.task for event in history if isinstance(event, Accepted)).items()
        if count > 1
    ]
    injuries = [event for event in history if isinstance(event, Injured)]
    for task, life in lives(history).items():
        found += [f"{task} ({life.accepted.tool}): {what}" for what in _of_one(life, injuries)]
    return found


def lives(events: Iterable[Event]) -> dict[str, Life]:
    found: dict[str, Life] = {}
    for event in events:
        match event:
            case Accepted():
                found.setdefault(event.task, Life(event))
            case Seen():
                found[event.task].seen.append(event)
            case Unknown():
                found[event.task].unknown.append(event)
            case GaveUp():
                found[event.task].gave_up = True
    return found


def recoveries(events: Sequence[Event]) -> dict[str, float]:
    """By fault, the longest time until a task went on: it said something new, or was over. A fault that lasts counts
    from its end; where several stopped a task, the time counts from the last one."""
    marks = [event for event in events if isinstance(event, (Injured, Healed))]
    longest: dict[str, float] = {}
    for life in lives(events).values():
        before = life.accepted.at
        for at in _moves(life):
            felt = [mark for mark in marks if before - STALE_SECONDS < mark.at < at]
            if felt:
                last = felt[-1]
                longest[last.fault] = max(longest.get(last.fault, 0.0), at - last.at)
            before = at
    return longest


def _of_one(life: Life, injuries: Sequence[Injured]) -> list[str]:
    found = []
    if life.unknown:
        found.append(f"it was accepted, and {len(life.unknown)} times there was no such task")
    if not life.ends:
        found.append("it has no outcome")
        return found
    outcomes = {(one.status, one.key, one.run, one.error) for one in life.ends}
    if len(outcomes) > 1:
        found.append(f"it has {len(outcomes)} outcomes: {sorted(outcomes)}")
    after = life.seen[life.seen.index(life.ends[0]) :]
    if any(one.status not in OVER for one in after):
        found.append("it was over, and then it was not")
    end = life.ends[0]
    hurt = any(injury.at <= end.at for injury in injuries)
    if end.status == "completed" and end.key != life.accepted.key:
        found.append(f"it has the result of another call: {end.key!r}")
    if life.accepted.tool == "once" and len(life.runs) > 1:
        found.append(f"it may not be called twice, and had the runs {sorted(life.runs)}")
    if life.accepted.tool == "again" and end.status != "completed":
        found.append(f"it may be called twice, and {end.status}: {end.error}")
    if life.accepted.tool == "once" and end.status != "completed" and not hurt:
        found.append(f"nothing had been injured, and it {end.status}: {end.error}")
    return found


def _moves(life: Life) -> list[float]:
    """When a client saw it further than before."""
    found, before = [], ""
    for one in life.seen:
        now = one.status if one.status in OVER else one.message
        if now != before:
            found.append(one.at)
        before = now
    return found


def _counted(values: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for value in values:
        counts[value] += 1
    return counts
