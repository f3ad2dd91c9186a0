"""Which launcher this host gets: the strongest whose self-test passes, or none at all (SANDBOX 0.7)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from mcp_runtime.sandbox.launchers.base import Launcher, LaunchError, SelfTest
from mcp_runtime.sandbox.launchers.bubblewrap import BubblewrapLauncher
from mcp_runtime.sandbox.launchers.container import ContainerLauncher
from mcp_runtime.sandbox.launchers.landlock import LandlockLauncher
from mcp_runtime.sandbox.launchers.process import ProcessLauncher
from mcp_runtime.sandbox.launchers.zygote import ZygoteLauncher

_log = logging.getLogger("stoa.sandbox")

NAMES: Final = ("auto", "zygote", "bubblewrap", "landlock", "container", "process")
_AUTOMATIC: Final = ("zygote", "bubblewrap")
_OPT_IN: Final = "landlock"


class NoSandboxError(LaunchError):
    """No launcher that may be used keeps its promises here. `reports` says why, launcher by launcher."""

    def __init__(self, reports: Sequence[SelfTest]) -> None:
        self.reports = tuple(reports)
        lines = [f"{report.launcher}: {line}" for report in reports for line in report.details]
        hint = (
            "Allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns=0), "
            "install bubblewrap, run in a container with the seccomp profile of docs, or accept the weaker Landlock "
            "boxes with STOA_SANDBOX_LAUNCHER=landlock."
        )
        super().__init__("sandbox", "\n  ".join(["No sandbox can be made on this host.", *lines, hint]))


async def choose(
    name: str = "auto",
    *,
    runtime_dir: Path,
    landlock: bool = False,
    environment: str | None = None,
    tenants: int = 1,
) -> tuple[Launcher, SelfTest]:
    """A started launcher that passed its self-test, with the report. `auto` falls back from zygote to bubblewrap and,
    with `landlock`, to Landlock; any other name takes that launcher or none. Raises LaunchError, never a weaker box.
    """
    makers: dict[str, Callable[[], Launcher]] = {
        "zygote": lambda: ZygoteLauncher(probe_runtime=runtime_dir),
        "bubblewrap": lambda: BubblewrapLauncher(probe_runtime=runtime_dir),
        "landlock": lambda: LandlockLauncher(probe_runtime=runtime_dir),
        "container": lambda: ContainerLauncher(probe_runtime=runtime_dir),
        "process": lambda: ProcessLauncher(probe_runtime=runtime_dir, environment=environment, tenants=tenants),
    }
    if name not in NAMES:
        raise LaunchError("launcher", f"There is no launcher {name!r}; there are {', '.join(NAMES)}.")
    wanted = (name,) if name != "auto" else (*_AUTOMATIC, *((_OPT_IN,) if landlock else ()))
    reports: list[SelfTest] = []
    for candidate in wanted:
        launcher = makers[candidate]()
        report = await launcher.selftest()
        reports.append(report)
        if report.ok:
            _announce(report)
            return launcher, report
        _log.warning("The %s launcher cannot be used: %s", candidate, "; ".join(report.details))
        await launcher.aclose()
    raise NoSandboxError(reports)


def _announce(report: SelfTest) -> None:
    _log.info(
        "Sandboxes: launcher %s, level %s, Landlock ABI %d, guarantees %s.",
        report.launcher, report.level, report.landlock_abi, ", ".join(sorted(report.guarantees)) or "none",
    )  # fmt: skip
    for line in report.details:
        _log.info("Sandboxes: %s.", line)
