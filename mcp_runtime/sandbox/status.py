"""What the runner says about itself: the level and guarantees in force, and who lives here."""

from __future__ import annotations

import time
from typing import Any

from mcp_runtime.sandbox.launchers.base import SelfTest
from mcp_runtime.sandbox.pool import Pool


class Reporter:
    """Makes the status report."""

    def __init__(self, selftest: SelfTest, pool: Pool, runtime: str) -> None:
        self._selftest = selftest
        self._pool = pool
        self._runtime = runtime
        self._started = time.monotonic()

    def report(self) -> dict[str, Any]:
        test = self._selftest
        workers = self._pool.report()
        return {
            "launcher": test.launcher,
            "level": test.level,
            "guarantees": sorted(test.guarantees),
            "missing": sorted(test.missing),
            "landlock_abi": test.landlock_abi,
            "details": list(test.details),
            "runtime": self._runtime,
            "uptime_seconds": round(time.monotonic() - self._started, 1),
            "workers": workers,
        }
