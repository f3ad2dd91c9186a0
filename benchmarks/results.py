"""Figures beside their goals: printed, and kept for the report when `STOA_BENCH_RESULTS` names a file for them."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

RESULTS = "STOA_BENCH_RESULTS"


@dataclass(frozen=True)
class Result:
    """One measured figure."""

    measure: str
    figure: float
    goal: float
    unit: str
    at_least: bool
    """Whether more is better."""

    @property
    def met(self) -> bool:
        return self.figure >= self.goal if self.at_least else self.figure <= self.goal

    @property
    def headroom(self) -> float:
        """1 where the goal is just met, 2 where the figure is twice as good."""
        worse, better = (self.goal, self.figure) if self.at_least else (self.figure, self.goal)
        return better / worse if worse else 1.0


def verdict(measure: str, figure: float, goal: float, unit: str, *, at_least: bool = False) -> bool:
    """Print a figure beside its goal, keep it for the report, and say whether the goal is met."""
    result = Result(measure, figure, goal, unit, at_least)
    bound = "at least" if at_least else "at most"
    print(f"  {measure:44} {figure:9.2f} {unit:10} goal: {bound} {goal:g}   {'ok' if result.met else 'MISSED'}")
    if path := os.environ.get(RESULTS):
        with Path(path).open("ab") as file:
            file.write(msgspec.json.encode(asdict(result)) + b"\n")
    return result.met


def kept(path: Path) -> list[Result]:
    """What was written to `path`, in its order."""
    if not path.exists():
        return []
    return [msgspec.json.decode(line, type=Result) for line in path.read_bytes().splitlines()]
