"""Every benchmark, one after the other: `python -m benchmarks`, or `python -m benchmarks NAME ...` for some.

`--write FILE` also writes the figures as a page, with a table and a plot.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import results
from benchmarks.report import page

NAMES = (
    "framework_import",
    "framework_call",
    "framework_mounts",
    "gateway_call",
    "gateway_lists",
    "gateway_endpoints",
    "sandbox_call",
    "sandbox_starts",
    "sandbox_wake",
    "sandbox_memory",
    "deploy",
)
"""Each is `python -m benchmarks.NAME`, has options of its own, prints what it measured, fails if its bar is missed."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}; all without any")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the figures to a page in Markdown as well")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in NAMES]:
        parser.error(f"no benchmark is named {', '.join(unknown)}; there are {', '.join(NAMES)}")
    missed, figures = [], {}
    total, stolen = _ticks()
    with tempfile.TemporaryDirectory(prefix="stoa-bench-") as folder:
        for name in options.names or NAMES:
            print(f"=== {name}", flush=True)
            file = Path(folder) / name
            environment = {**os.environ, results.RESULTS: str(file)}
            command = [sys.executable, "-m", f"benchmarks.{name}"]
            if subprocess.run(command, env=environment, check=False).returncode:
                missed.append(name)
            figures[name] = results.kept(file)
    if options.write is not None:
        now_total, now_stolen = _ticks()
        options.write.write_text(page(figures, (now_stolen - stolen) / max(1, now_total - total)))
        print(f"Written to {options.write}.")
    if missed:
        print(f"Missed or failed: {', '.join(missed)}.")
    return 1 if missed else 0


def _ticks() -> tuple[int, int]:
    """Processor time of the machine since its start, and how much of it the host took for others."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    return sum(map(int, fields)), int(fields[7])


if __name__ == "__main__":
    sys.exit(main())
