"""Runs tasks: many at once in one event loop, since a run mostly waits for a sandbox or an upstream.

A message of the broker is a hint where to look; what is to be done stands in the rows, and a sweep every few seconds
finds what nobody works on. So a lost, late or doubled message changes nothing (SECURITY 0.3).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from django.db import DatabaseError

from controlplane.announcements import TASKS, end, listen
from controlplane.tasks import leases, queueing
from controlplane.tasks.journal import RowJournal
from controlplane.tasks.leases import Claim
from mcp_runtime.gateway import task_running
from mcp_runtime.gateway.events import Announce
from mcp_runtime.gateway.plans import CompiledPlan, PlanError
from mcp_runtime.gateway.records import Outlet
from mcp_runtime.gateway.task_running import CutOff
from mcp_runtime.ports.plans import PlanDocument
from mcp_runtime.ports.tasks import TASK_SECONDS, LeaseLost, NotAnswered, Outcome, TaskOrder
from mcp_runtime.protocol.messages import ErrorBody
from tenants.context import in_thread, run_acting_for

CAPACITY = 200
"""Tasks that one worker runs at once."""
TENANT_CAPACITY = 50
"""Of these, one tenant's: a flood of its tasks leaves places for everybody else."""
SWEEP_SECONDS = 2.0
RENEW_SECONDS = 5.0
AGAIN_SECONDS = 3.0
"""Where no runner is there; `stoa up` starts another one in less."""
MAX_PLANS = 200
"""Versions kept compiled; the one unused for longest makes room."""

Loaded = Callable[[str, str, int], Awaitable[PlanDocument | None]]
"""The plan of a tenant's endpoint at one version."""
Compiled = Callable[[PlanDocument], CompiledPlan]

_INTERNAL = -32603

log = logging.getLogger(__name__)


class Engine:
    """One per worker, bound to the event loop that starts it."""

    def __init__(
        self,
        load: Loaded,
        compiled: Compiled,
        announce: Callable[[str, str, bytes], None],
        outlet: Outlet | None = None,
    ) -> None:
        """`announce` tells those who listen to an endpoint: its identifier, a method, parameters as JSON. `outlet` gets
        traced records of runs."""
        self._load = load
        self._compiled = compiled
        self._announce = announce
        self._outlet = outlet
        self._plans: OrderedDict[tuple[str, int], CompiledPlan] = OrderedDict()
        self._places: dict[str, tuple[str, asyncio.Task[None]]] = {}
        """By task: its tenant, and what runs it."""
        self._claims: dict[str, tuple[Claim, RowJournal]] = {}
        self._background: list[asyncio.Task[None]] = []
        self._sweep_now = asyncio.Event()
        self._stopping = False

    def start(self) -> None:
        self._background = [
            asyncio.create_task(work, name=f"tasks: {name}")
            for name, work in (("sweep", self._sweep_on()), ("renew", self._renew_on()), ("listen", self._hear()))
        ]

    async def aclose(self) -> None:
        """Stop, and give back what runs: where a tool may be called twice, another worker goes on with it."""
        self._stopping = True
        for task in self._background:
            await end(task)
        runs = [run for _, run in self._places.values()]
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)

    def offer(self, tenant_id: str, task_id: str) -> None:
        """Run the task if there is a place for it; else a sweep finds it once there is."""
        if self._stopping or task_id in self._places or len(self._places) >= CAPACITY:
            return
        if sum(tenant == tenant_id for tenant, _ in self._places.values()) >= TENANT_CAPACITY:
            return
        run = asyncio.create_task(self._work(tenant_id, task_id), name=f"task {task_id}")
        self._places[task_id] = (tenant_id, run)

    async def _work(self, tenant_id: str, task_id: str) -> None:
        full = len(self._places) >= CAPACITY or self._of(tenant_id) >= TENANT_CAPACITY
        try:
            claim = await run_acting_for(tenant_id, leases.claim, task_id)
            if claim is not None:
                await self._run(claim)
        except DatabaseError as error:
            log.warning("Task %s is left to a sweep: %s", task_id, error)
        except Exception:  # one task's fault is no other's: the engine goes on
            log.exception("Task %s failed inside the engine; its lease ends by itself.", task_id)
        finally:
            del self._places[task_id]
            if full:
                self._sweep_now.set()

    async def _run(self, claim: Claim) -> None:
        journal = RowJournal(claim)
        self._claims[claim.task_id] = (claim, journal)
        try:
            outcome = await self._outcome(claim, journal)
        except (NotAnswered, LeaseLost):
            return
        except CutOff as error:
            if not error.crashed:
                await asyncio.sleep(AGAIN_SECONDS)
            await run_acting_for(claim.tenant_id, leases.give_back, claim, cut_off=str(error), crashed=error.crashed)
            return
        except asyncio.CancelledError:
            if self._stopping:
                await run_acting_for(claim.tenant_id, leases.give_back, claim)
            return  # else it was cancelled, or another worker has it
        finally:
            del self._claims[claim.task_id]
            await journal.close()
        with contextlib.suppress(LeaseLost):
            await journal.flush()
        if not await run_acting_for(claim.tenant_id, leases.finish, claim, outcome):
            log.info("The outcome of %s came too late: the task is over, or another worker has it.", claim.task_id)

    async def _outcome(self, claim: Claim, journal: RowJournal) -> Outcome:
        order = claim.order
        try:
            plan = await self._plan(order)
            async with asyncio.timeout(TASK_SECONDS):
                return await task_running.run(order, plan, journal, self._announcing(order), self._outlet)
        except TimeoutError:
            return ErrorBody(_INTERNAL, f"The task took longer than the {TASK_SECONDS:g} s that one may take.")
        except PlanError as error:
            log.warning("The plan of task %s cannot be served: %s", claim.task_id, error)
            return ErrorBody(_INTERNAL, "The version of the endpoint that this task was made for cannot be served.")

    async def _plan(self, order: TaskOrder) -> CompiledPlan | None:
        key = (order.endpoint_id, order.version)
        plan = self._plans.get(key)
        if plan is None:
            document = await self._load(order.principal.tenant, *key)
            if document is None:
                return None
            plan = await asyncio.to_thread(self._compiled, document)
            self._plans[key] = plan
            while len(self._plans) > MAX_PLANS:
                self._plans.popitem(last=False)
        self._plans.move_to_end(key)
        return plan

    def _announcing(self, order: TaskOrder) -> Announce:
        return lambda method, params: self._announce(order.endpoint_id, method, params)

    def _of(self, tenant_id: str) -> int:
        return sum(tenant == tenant_id for tenant, _ in self._places.values())

    # What goes on beside the runs.

    async def _sweep_on(self) -> None:
        while True:
            try:
                for tenant_id, task_id in await in_thread(queueing.due):
                    self.offer(tenant_id, task_id)
            except DatabaseError as error:
                log.warning("Tasks could not be swept: %s", error)
            self._sweep_now.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_SECONDS):
                    await self._sweep_now.wait()

    async def _renew_on(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self._renew()
            except DatabaseError as error:
                log.warning("Leases could not be renewed: %s", error)

    async def _renew(self) -> None:
        """Whoever has lost a task stops working on it."""
        tokens: dict[str, dict[str, int]] = {}
        for claim, _ in self._claims.values():
            tokens.setdefault(claim.tenant_id, {})[claim.task_id] = claim.token
        for tenant_id, held in tokens.items():
            ours = await run_acting_for(tenant_id, leases.renew, held)
            for task_id in held.keys() - ours:
                self._lose(task_id, held[task_id])

    async def _hear(self) -> None:
        """Answers and cancellations are in the rows; this says when to look."""
        async for message in listen(TASKS):
            if message is None:
                for _, journal in self._claims.values():
                    journal.changed()
                continue
            task_id, _, what = message.partition(" ")
            found = self._claims.get(task_id)
            if found is not None:
                claim, journal = found
                journal.changed()
                if what == queueing.CANCELLED:
                    self._lose(task_id, claim.token)

    def _lose(self, task_id: str, token: int) -> None:
        """End a run that nobody waits for any more; unless it has ended by itself meanwhile."""
        held = self._claims.get(task_id)
        if held is not None and held[0].token == token:
            self._places[task_id][1].cancel()
