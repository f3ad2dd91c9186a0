"""Every benchmark, one after the other: `python -m benchmarks`, or `python -m benchmarks NAME ...` for some.

`--write FILE` also writes the figures as a page, with a table, and a plot beside it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import results
from benchmarks.plot import plot
from benchmarks.report import page

COMMANDS: dict[str, tuple[str, ...]] = {
    "framework_import": ("framework_import",),
    "framework_call": ("framework_call",),
    "framework_mounts": ("framework_mounts",),
    "gateway_call": ("gateway_call", "--typescript"),
    "gateway_sandbox": ("gateway_call", "--sandbox"),
    "gateway_eras": ("gateway_eras",),
    "gateway_lists": ("gateway_lists", "--typescript"),
    "gateway_endpoints": ("gateway_endpoints",),
    "gateway_plans": ("gateway_plans",),
    "gateway_streams": ("gateway_streams",),
    "search": ("search",),
    "gateway_remote": ("gateway_remote", "--contextforge"),
    "sandbox_call": ("sandbox_call",),
    "sandbox_starts": ("sandbox_starts",),
    "sandbox_wake": ("sandbox_wake",),
    "sandbox_memory": ("sandbox_memory",),
    "deploy": ("deploy",),
}
"""Each is `python -m benchmarks.` and these words; it has options of its own, prints what it measured, and fails if its
bar is missed."""
MOST_SECONDS = 600
"""For one of them; on a quiet machine all together take about ten minutes."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(COMMANDS)}; all without any")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the figures to a page in Markdown as well")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in COMMANDS]:
        parser.error(f"no benchmark is named {', '.join(unknown)}; there are {', '.join(COMMANDS)}")
    missed: list[str] = []
    figures = {}
    total, stolen = _ticks()
    with tempfile.TemporaryDirectory(prefix="stoa-bench-") as folder:
        for name in options.names or COMMANDS:
            print(f"=== {name}", flush=True)
            file = Path(folder) / name
            environment = {**os.environ, results.RESULTS: str(file)}
            module, *words = COMMANDS[name]
            command = [sys.executable, "-m", f"benchmarks.{module}", *words]
            try:
                met = subprocess.run(command, env=environment, check=False, timeout=MOST_SECONDS).returncode == 0
            except subprocess.TimeoutExpired:
                print(f"Stopped after {MOST_SECONDS} s.")
                met = False
            if not met:
                missed.append(name)
            figures[name] = results.kept(file)
    if options.write is not None:
        now_total, now_stolen = _ticks()
        picture = options.write.with_suffix(".svg")
        picture.write_text(plot([result for some in figures.values() for result in some]))
        options.write.write_text(page(figures, (now_stolen - stolen) / max(1, now_total - total), picture.name))
        print(f"Written to {options.write} and {picture}.")
    if missed:
        print(f"Missed or failed: {', '.join(missed)}.")
    return 1 if missed else 0


def _ticks() -> tuple[int, int]:
    """Processor time of the machine since its start, and how much of it the host took for others."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    return sum(map(int, fields)), int(fields[7])


if __name__ == "__main__":
    sys.exit(main())
