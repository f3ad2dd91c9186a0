"""No sandbox at all: tenant code in a plain child process. For development on a machine of one's own (SANDBOX 0.6)."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import ClassVar, Literal

from mcp_runtime.sandbox.guest.box import Walls
from mcp_runtime.sandbox.launchers import selftest
from mcp_runtime.sandbox.launchers.base import Guarantee, LaunchError, Level, SandboxSpec, SelfTest
from mcp_runtime.sandbox.launchers.forking import ForkingLauncher, Making

_log = logging.getLogger("stoa.sandbox")

WARNING = (
    "SANDBOXING IS OFF: the process launcher runs tenants' code with this user's rights over files, network and "
    "processes. It is for development only."
)


class ProcessLauncher(ForkingLauncher):
    """Refuses to start in production and where there is more than one tenant."""

    name: ClassVar[str] = "process"
    level: ClassVar[Level] = "none"
    _claims: ClassVar[frozenset[Guarantee]] = frozenset()

    def __init__(
        self,
        *,
        environment: str | None = None,
        tenants: int = 1,
        probe_runtime: Path | None = None,
        use_cgroups: bool = True,
    ) -> None:
        super().__init__(probe_runtime=probe_runtime, use_cgroups=use_cgroups)
        self._environment = environment if environment is not None else os.environ.get("STOA_ENV", "production")
        self._tenants = tenants
        self._uids = None

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        return frozenset()

    async def start(self) -> None:
        if not self._started:
            self._refuse_where_it_is_not_safe()
            _log.warning(WARNING)
        await super().start()

    async def selftest(self) -> SelfTest:
        """There is nothing to test: it promises nothing."""
        try:
            await self.start()
        except LaunchError as error:
            return selftest.report(self, 0, False, frozenset(), [f"{error.step}: {error.message}"])
        return selftest.report(self, 0, True, frozenset(), [WARNING])

    def notes(self) -> list[str]:
        return [WARNING]

    def admit_tenants(self, count: int) -> None:
        """Told how many tenants exist. Raises LaunchError for more than one."""
        self._tenants = count
        self._refuse_where_it_is_not_safe()

    @property
    def _isolation(self) -> Literal["root", "user", "none"]:
        return "none"

    def _make(self, spec: SandboxSpec) -> Making:
        self._refuse_where_it_is_not_safe()
        return Making(
            walls=Walls(none=True),
            app=str(spec.code_dir) if spec.code_dir is not None else None,
            dependencies=str(spec.dependencies_dir) if spec.dependencies_dir is not None else None,
        )

    def _refuse_where_it_is_not_safe(self) -> None:
        if self._environment not in ("development", "test"):
            raise LaunchError(
                "process",
                f"Tenants' code may not run without a sandbox when STOA_ENV is {self._environment}. Set "
                "STOA_SANDBOX_LAUNCHER=auto, or STOA_ENV=development on a machine of your own.",
            )
        if self._tenants > 1:
            raise LaunchError(
                "process",
                f"There are {self._tenants} tenants: without a sandbox each could read the others' secrets. Set "
                "STOA_SANDBOX_LAUNCHER=auto.",
            )
