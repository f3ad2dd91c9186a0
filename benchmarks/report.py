"""The page of figures: a table, and a plot of how far each figure is from its goal."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Mapping, Sequence

from benchmarks.results import Result

PAGE = """\
# Performance

What `make bench` measured on {day}: {machine}. Each figure is a median; those beside another library are ratios from
one run, in which both take turns under the same load. Absolute figures move by half from hour to hour on a shared
machine; during this run {stolen:.0%} of the processor time went to the host's other guests.

{table}

How good each figure is, as a multiple of its goal: at 1 the goal is just met.

```mermaid
xychart-beta horizontal
    x-axis [{names}]
    y-axis "times the goal" 0 --> {top}
    bar [{bars}]
```

The numbers of the bars are those of the table.
"""


def page(results: Mapping[str, Sequence[Result]], stolen: float) -> str:
    """The page in Markdown. `results` by benchmark; `stolen`: the share of processor time that the host took."""
    rows = [(name, result) for name, some in results.items() for result in some]
    lines = ["| # | benchmark | measure | goal | figure | |", "|---|---|---|---|---|---|"]
    for number, (name, result) in enumerate(rows, 1):
        bound = "≥" if result.at_least else "≤"
        lines.append(
            f"| {number} | `{name}` | {result.measure} | {bound} {result.goal:g} {result.unit} | "
            f"{result.figure:.2f} {result.unit} | {'met' if result.met else '**missed**'} |"
        )
    bars = [min(result.headroom, 10.0) for _, result in rows]
    return PAGE.format(
        day=datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine=f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}",
        stolen=stolen,
        table="\n".join(lines),
        names=", ".join(str(number) for number in range(1, len(rows) + 1)),
        top=max(2, round(max(bars, default=1.0)) + 1),
        bars=", ".join(f"{bar:.2f}" for bar in bars),
    )
