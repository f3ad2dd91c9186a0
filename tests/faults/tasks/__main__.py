"""Tasks under faults. With the first seed each fault in turn; with every seed so many at random, overlapping.

The histories are kept, one file of JSON lines for each seed. An exit status of 1 says that one of them is not as it was
promised.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.faults.tasks.clients import Walk
from tests.faults.tasks.history import History
from tests.faults.tasks.injuries import Injuries, second_worker
from tests.faults.tasks.ordeal import RECOVERY_SECONDS, Plan, Verdict, deploy, endure
from tests.support.platform import RunningPlatform, platform, temporary_home


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.tasks", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="so many seeds, the first being --seed")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--faults", metavar="NAME,…", help=f"of {', '.join(Injuries.NAMES)}; all without it")
    parser.add_argument("--between", type=float, default=40.0, metavar="SECONDS", help="between faults in turn")
    parser.add_argument("--random", type=int, default=8, metavar="N", help="faults at random")
    parser.add_argument("--most", type=float, default=12.0, metavar="SECONDS", help="between faults at random")
    parser.add_argument("--minutes", type=float, metavar="N", help="one tool that takes so long, through all faults")
    parser.add_argument("--recovery", type=float, default=RECOVERY_SECONDS, metavar="SECONDS", help="allowed")
    options = parser.parse_args()
    names = options.faults.split(",") if options.faults else list(Injuries.NAMES)
    if unknown := sorted({*names} - {*Injuries.NAMES}):
        parser.error(f"no fault is named {', '.join(unknown)}")
    return asyncio.run(_run(options, names))


async def _run(options: argparse.Namespace, names: list[str]) -> int:
    kept = Path(tempfile.mkdtemp(prefix="stoa-faults-"))
    failed: list[int] = []
    tasks = 0
    with temporary_home() as home, platform(home) as running:
        await asyncio.to_thread(deploy, running)
        async with second_worker(running):
            for seed in range(options.seed, options.seed + options.seeds):
                print(f"seed {seed}", flush=True)
                verdict = await _endure(running, History(kept / f"{seed}.jsonl"), names, seed, options)
                late = [f"{name}: {s:.1f} s" for name, s in verdict.recovered.items() if s > options.recovery]
                tasks += verdict.tasks
                _tell(verdict, late)
                if verdict.violations or late:
                    failed.append(seed)
    print(f"{options.seeds} seeds, {tasks} tasks; seeds with a violation: {failed or 'none'}. Histories: {kept}")
    return 1 if failed else 0


async def _endure(
    running: RunningPlatform, history: History, names: list[str], seed: int, options: argparse.Namespace
) -> Verdict:
    in_turn = Plan.in_turn(names if seed == options.seed else [], options.between)
    at_random = Plan.at_random(names, seed, options.random, options.most)
    plan = Plan([*in_turn.pauses, *at_random.pauses])
    long = Walk("again", round(options.minutes * 60), 1.0) if options.minutes else None
    return await endure(running, history, plan, seed=seed, long=long)


def _tell(verdict: Verdict, late: list[str]) -> None:
    slowest = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in sorted(verdict.recovered.items()))
    print(f"  {verdict.tasks} tasks: {verdict.outcomes}. Recovered after: {slowest}", flush=True)
    for one in verdict.violations:
        print(f"  VIOLATION {one}", flush=True)
    for one in late:
        print(f"  LATE {one}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
