"""The page of figures: what was measured, the table, the plot, and what limits what."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.results import Result

PAGE = """\
# Performance

What `make bench` measured on {day}: {machine}. The load was {load}, and {stolen:.0%} of the processor time went to the
host's other guests: on a machine with more to run than it has cores, short calls lose most. Each figure is a median;
those beside another library are ratios from one run, in which both take turns under the same load.

{table}

Each figure as a multiple of its goal; red is missed:

![Each figure as a multiple of its goal]({plot})

{limits}
"""


def page(results: Mapping[str, Sequence[Result]], stolen: float, plot: str) -> str:
    """The page in Markdown. `results` by benchmark; `stolen`: the share of processor time that the host took; `plot`:
    the picture's name, beside the page."""
    rows = [(name, result) for name, some in results.items() for result in some]
    lines = ["| # | benchmark | measure | goal | figure | |", "|---|---|---|---|---|---|"]
    for number, (name, result) in enumerate(rows, 1):
        bound = "≥" if result.at_least else "≤"
        lines.append(
            f"| {number} | `{name}` | {result.measure} | {bound} {result.goal:g} {result.unit} | "
            f"{result.figure:.2f} {result.unit} | {'met' if result.met else '**missed**'} |"
        )
    return PAGE.format(
        day=datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine=f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}",
        load=Path("/proc/loadavg").read_text().split()[2],
        stolen=stolen,
        table="\n".join(lines),
        plot=plot,
        limits=(Path(__file__).parent / "limits.md").read_text().strip(),
    )
