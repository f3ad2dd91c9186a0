"""Every benchmark, one after the other: `python -m benchmarks`, or `python -m benchmarks NAME ...` for some."""

from __future__ import annotations

import subprocess
import sys

NAMES = (
    "framework_import",
    "framework_call",
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


def main(names: list[str]) -> int:
    if unknown := [name for name in names if name not in NAMES]:
        print(f"No benchmark named {', '.join(unknown)}. There are: {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    missed = []
    for name in names or NAMES:
        print(f"=== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            missed.append(name)
    if missed:
        print(f"Missed or failed: {', '.join(missed)}.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
