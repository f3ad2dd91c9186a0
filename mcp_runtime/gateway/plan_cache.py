"""Plans in memory. A warm call asks nobody; a change is announced, and only then is anything loaded again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mcp_runtime.gateway.plans import CompiledPlan, PlanError
from mcp_runtime.gateway.policies import Windows
from mcp_runtime.ports.plans import Catalogue, PlanDocument
from mcp_runtime.ports.sandboxes import Sandboxes

if TYPE_CHECKING:
    from mcp_runtime.connectors.remote import Remotes

log = logging.getLogger("stoa.gateway")

MAX_PLANS = 20_000
"""Plans kept; the oldest make room."""
MISSING_SECONDS = 1.0
"""How long an endpoint that does not exist is not asked for again."""
MAX_MISSING = 1_000
MAX_LOADS = 3
"""Loads in a row that a change may overtake; the last one is then served, and asked for again next time."""
RETRY_SECONDS = 1.0

Key = tuple[str, str]


class Plans:
    """A cache over the Catalogue port, by `(tenant, endpoint)`."""

    def __init__(
        self,
        catalogue: Catalogue,
        sandboxes: Sandboxes,
        remotes: Remotes | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
        on_change: Callable[[str, str], None] = lambda tenant, endpoint: None,
        tasks: bool = False,
    ) -> None:
        self._catalogue = catalogue
        self._sandboxes = sandboxes
        self._remotes = remotes
        self._windows = Windows()  # not the plan's: what callers used of their rates outlives a publish
        self._now = now
        self._on_change = on_change
        self._tasks = tasks
        self._plans: dict[Key, CompiledPlan] = {}
        self._missing: dict[Key, float] = {}
        self._loading: dict[Key, asyncio.Task[CompiledPlan | None]] = {}
        self._changes = 0
        self.loads = 0
        """How often the catalogue was asked."""
        self._follower: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._plans)

    async def start(self) -> None:
        """Begin to follow changes."""
        self._follower = asyncio.create_task(self._follow(), name="plans: follow changes")

    async def aclose(self) -> None:
        tasks = [*self._loading.values(), *([self._follower] if self._follower else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._follower = None

    def known(self, tenant: str, endpoint: str) -> CompiledPlan | None:
        """The plan if it is in memory: all that a warm call does."""
        return self._plans.get((tenant, endpoint))

    async def plan(self, tenant: str, endpoint: str) -> CompiledPlan | None:
        """The plan, loaded if need be, once for all who ask at the same time. Raises PlanError."""
        key = (tenant, endpoint)
        plan = self._plans.get(key)
        if plan is not None:
            return plan
        if self._missing.get(key, 0.0) > self._now():
            return None
        task = self._loading.get(key)
        if task is None:
            task = asyncio.create_task(self._load(key))
            self._loading[key] = task
            task.add_done_callback(lambda _: self._loading.pop(key, None))
        # One caller hanging up must not fail the others who wait for the same plan.
        return await asyncio.shield(task)

    def forget(self, tenant: str, endpoint: str) -> None:
        """Drop a plan, or all of them for `("*", "*")`."""
        self._changes += 1
        if tenant == "*":
            self._plans.clear()
            self._missing.clear()
        else:
            self._plans.pop((tenant, endpoint), None)
            self._missing.pop((tenant, endpoint), None)

    async def _load(self, key: Key) -> CompiledPlan | None:
        for _ in range(MAX_LOADS):
            changes = self._changes
            self.loads += 1
            document = await self._catalogue.plan(*key)
            # Schemas take a while to compile; other calls go on meanwhile.
            plan = None if document is None else await asyncio.to_thread(self._compile, document)
            # A change that was announced while the plan was on its way may be about this one: what was read is old.
            if changes == self._changes:
                self._keep(key, plan)
                break
        return plan

    def _compile(self, document: PlanDocument) -> CompiledPlan:
        return CompiledPlan(document, self._sandboxes, self._remotes, tasks=self._tasks, windows=self._windows)

    def _keep(self, key: Key, plan: CompiledPlan | None) -> None:
        if plan is None:
            if len(self._missing) >= MAX_MISSING:
                self._missing.clear()
            self._missing[key] = self._now() + MISSING_SECONDS
            return
        if len(self._plans) >= MAX_PLANS:
            del self._plans[next(iter(self._plans))]
        self._plans[key] = plan

    async def _follow(self) -> None:
        while True:
            try:
                async for tenant, endpoint in self._catalogue.changes():
                    self.forget(tenant, endpoint)
                    self._on_change(tenant, endpoint)
            except Exception:
                log.exception("The stream of changed plans broke; following it again.")
            self.forget("*", "*")
            await asyncio.sleep(RETRY_SECONDS)


__all__ = ("PlanError", "Plans")
