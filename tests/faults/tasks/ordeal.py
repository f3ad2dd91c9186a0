"""One platform, a stream of tasks, and faults: first each in turn, then overlapping at random."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.faults.tasks.checker import lives, recoveries, violations
from tests.faults.tasks.clients import Clients, Walk
from tests.faults.tasks.history import Accepted, History
from tests.faults.tasks.injuries import Injuries
from tests.support import RunningPlatform
from tests.support.platform import clean_environment
from tests.support.wire import Wire

STREAMS = (Walk("again", 8, 0.5), Walk("again", 20, 0.5), Walk("once", 8, 0.5), Walk("once", 20, 0.5))
RECOVERY_SECONDS = 35.0
BEFORE_SECONDS = 3.0
"""In which tasks begin, before the first fault."""


@dataclass(frozen=True, slots=True)
class Verdict:
    tasks: int
    outcomes: dict[str, int]
    recovered: dict[str, float]
    """By fault, in seconds, the longest."""
    violations: list[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done to the platform, and when."""

    pauses: Sequence[tuple[str, float]]
    """A fault, and how long until the next one begins: whether or not this one is over."""

    @classmethod
    def in_turn(cls, faults: Sequence[str], seconds: float) -> Plan:
        return cls([(fault, seconds) for fault in faults])

    @classmethod
    def at_random(cls, faults: Sequence[str], seed: int, count: int, most_seconds: float) -> Plan:
        chance = random.Random(seed)
        return cls([(chance.choice(faults), chance.uniform(0, most_seconds)) for _ in range(count)])


@contextlib.asynccontextmanager
async def ordeal(platform: RunningPlatform, history: History, seed: int) -> AsyncIterator[tuple[Clients, Injuries]]:
    """Clients of a deployed server, and what can be done to the platform meanwhile."""
    endpoint = urlsplit(platform.endpoint_url)
    async with Wire(endpoint.hostname or "127.0.0.1", endpoint.port or 80).laid() as wire:
        url = platform.endpoint_url.replace(endpoint.netloc, f"127.0.0.1:{wire.port}").replace(
            "/demo/mcp", "/steps/mcp"
        )
        chance = random.Random(seed)
        yield Clients(url, platform.api_key, history, chance), Injuries(platform, wire, history, chance)


async def endure(
    platform: RunningPlatform,
    history: History,
    plan: Plan,
    *,
    seed: int,
    streams: Sequence[Walk] = STREAMS,
    long: Walk | None = None,
) -> Verdict:
    """Let the plan happen while the streams go on, wait until the last task is over, and judge. `long` is begun before
    the first fault, and the plan's end does not end it."""
    over = asyncio.Event()
    async with ordeal(platform, history, seed) as (clients, injuries), asyncio.TaskGroup() as group:
        for walk in streams:
            group.create_task(clients.stream(walk, over))
        waited_for = {group.create_task(clients.accepted(long))} if long else set()
        await asyncio.sleep(BEFORE_SECONDS)
        for fault, pause in plan.pauses:
            print(f"  {fault}, then {pause:.1f} s", flush=True)
            group.create_task(injuries.inflict(fault))
            await asyncio.sleep(pause)
        if waited_for:
            await asyncio.wait(waited_for)
        over.set()
    return judge(history)


def judge(history: History) -> Verdict:
    outcomes: dict[str, int] = {}
    for life in lives(history.events).values():
        status = life.ends[0].status if life.ends else "none"
        outcomes[status] = outcomes.get(status, 0) + 1
    accepted = sum(isinstance(event, Accepted) for event in history.events)
    return Verdict(accepted, outcomes, recoveries(history.events), violations(history.events))


def deploy(platform: RunningPlatform) -> None:
    stoa = Path(sys.executable).with_name("stoa")
    subprocess.run(
        [stoa, "deploy", Path(__file__).parent / "servers" / "steps.py", "--tenant", "demo"],
        env={**clean_environment(), "STOA_HOME": str(platform.home), "PATH": os.environ["PATH"]},
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
