"""All workers of this host: which revision has which, who must make room, who has slept or lived long enough."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mcp_runtime.ports.sandboxes import Overloaded, RunnerUnavailable
from mcp_runtime.ports.workers import Worker
from mcp_runtime.sandbox.launchers.base import LaunchError
from mcp_runtime.sandbox.launchers.process import ProcessLauncher
from mcp_runtime.sandbox.slots import Slot
from mcp_runtime.sandbox.workers import Ground, LiveWorker, State

MAX_AGE_SECONDS = 3600.0
MAX_CALLS = 10_000
MAX_RSS_SHARE = 0.9
ROOM_SECONDS = 5.0
_TEND_SECONDS = 0.25
_WEIGHED_SECONDS = 1.0
"""So long after its last call a worker's memory is still looked at. Asking costs four files, too much for idle ones."""

_log = logging.getLogger(__name__)

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Caps:
    """How many workers may live at once."""

    tenant: int = 16
    host: int = 256
    describing: int = 4


class Pool:
    """Workers, started on demand. Call `tend` in a task of its own."""

    def __init__(self, ground: Ground, caps: Caps) -> None:
        self._ground = ground
        self._caps = caps
        self._slots: dict[Key, Slot] = {}
        self._used: dict[LiveWorker, float] = {}
        self._living: Counter[str] = Counter()
        self._tenants: set[str] = set()
        self._left = asyncio.Event()
        self._describing = asyncio.Semaphore(caps.describing)

    async def worker(self, worker: Worker, environment: Mapping[str, str] | None) -> tuple[Slot, LiveWorker]:
        """A ready worker of the revision, and the slot to lease it from; errors as `Slot.worker`."""
        self._meet(worker.tenant_id)
        key = (worker.tenant_id, worker.server_id, worker.revision_id)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = Slot(self._ground, self._admit, self._farewell)
        live = await slot.worker(worker, environment)
        self._used[live] = asyncio.get_running_loop().time()
        return slot, live

    async def describe(self, worker: Worker, environment: Mapping[str, str]) -> bytes:
        """The manifest, from a worker that lives for nothing else. Raises LoadFailed, RunnerUnavailable."""
        self._meet(worker.tenant_id)
        async with self._describing:
            live = LiveWorker(worker, self._ground, lambda live, ending: None)
            await live.start(environment, describe=True)
            await live.stop()
            return live.manifest

    def retire(self, server_id: str, *, keep: str | None = None) -> None:
        """Replace the workers of a server, but for those of the revision `keep`."""
        for key, slot in self._slots.items():
            if key[1] == server_id and key[2] != keep:
                slot.retire()

    async def tend(self) -> None:
        """Put idle workers to sleep and replace old ones, until cancelled."""
        while True:
            await asyncio.sleep(_TEND_SECONDS)
            for slot, live in list(self._ready()):
                self._look_after(slot, live)
            for key in [key for key, slot in self._slots.items() if slot.empty]:
                del self._slots[key]
            for live in [live for live in self._used if live.state is State.DEAD]:
                del self._used[live]

    async def aclose(self) -> None:
        await asyncio.gather(*(slot.aclose() for slot in self._slots.values()))

    def report(self) -> list[dict[str, object]]:
        """One line per worker, for the status page."""
        return [
            {
                "tenant": live.worker.tenant_id, "server": live.worker.server_id, "revision": live.worker.revision_id,
                "state": str(live.state), "pid": live.pid, "age_seconds": round(live.age, 1), "calls": live.calls,
                "idle_seconds": round(slot.idle_for(live), 1), "rss_bytes": live.rss_bytes(), "crashes": slot.crashes,
            }
            for slot in self._slots.values()
            for live in slot.workers
        ]  # fmt: skip

    def _meet(self, tenant: str) -> None:
        """Without a sandbox there may be one tenant. Raises RunnerUnavailable for the second."""
        if tenant not in self._tenants:
            self._tenants.add(tenant)
            if isinstance(self._ground.launcher, ProcessLauncher):
                try:
                    self._ground.launcher.admit_tenants(len(self._tenants))
                except LaunchError as error:
                    raise RunnerUnavailable(error.message) from None

    def _ready(self) -> Iterator[tuple[Slot, LiveWorker]]:
        for slot in self._slots.values():
            if slot.current is not None:
                yield slot, slot.current

    def _look_after(self, slot: Slot, live: LiveWorker) -> None:
        limits = live.worker.limits
        idle = slot.idle_for(live)
        if (
            idle > limits.idle_seconds
            or live.age > MAX_AGE_SECONDS
            or live.calls > MAX_CALLS
            or (idle < _WEIGHED_SECONDS and live.rss_bytes() > MAX_RSS_SHARE * limits.memory_mb * 1024 * 1024)
        ):
            slot.drain(live)

    async def _admit(self, worker: Worker) -> None:
        """Return when one more worker may live, and count it. Raises Overloaded."""
        try:
            async with asyncio.timeout(ROOM_SECONDS):
                while not self._has_room(worker.tenant_id):
                    self._make_room(worker.tenant_id)
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            raise Overloaded(
                "As many workers as may live at once are busy: "
                f"{self._caps.tenant} of one tenant, {self._caps.host} of the host.",
                retry_after=1.0,
            ) from None
        self._living[worker.tenant_id] += 1

    def _has_room(self, tenant: str) -> bool:
        return self._living[tenant] < self._caps.tenant and self._living.total() < self._caps.host

    def _make_room(self, tenant: str) -> None:
        """Drain the worker that was wanted longest ago: of the tenant at its own cap, of anyone at the host's."""
        own = self._living[tenant] >= self._caps.tenant
        candidates = [(slot, live) for slot, live in self._ready() if not own or live.worker.tenant_id == tenant]
        if candidates:
            slot, live = min(candidates, key=lambda pair: (-pair[0].idle_for(pair[1]), self._used.get(pair[1], 0.0)))
            _log.info("Worker %s makes room for another of %s", live.name, tenant)
            slot.drain(live)

    def _farewell(self, worker: Worker) -> None:
        self._living[worker.tenant_id] -= 1
        if not self._living[worker.tenant_id]:
            del self._living[worker.tenant_id]
        self._left.set()
