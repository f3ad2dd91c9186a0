"""A server elsewhere says that a list of its changed: it is asked at once, and not when its turn comes."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from kombu.exceptions import OperationalError

from controlplane.registry.refreshing import WAIT_SECONDS, refresh_server

APART_SECONDS: Final = 5.0
"""What a server says more often is heard once: changes come in bursts, and some servers never stop."""

log = logging.getLogger(__name__)


class Refreshes:
    """Called on the event loop with the tenant and the server that said so; queues a refresh."""

    def __init__(self, *, apart: float = APART_SECONDS) -> None:
        self._apart = apart
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self._asked: dict[str, float] = {}
        self._queueing: set[asyncio.Task[None]] = set()

    def __call__(self, tenant_id: str, server_id: str) -> None:
        if server_id in self._waiting:
            return
        loop = asyncio.get_running_loop()
        when = max(loop.time(), self._asked.get(server_id, 0.0) + self._apart)
        self._waiting[server_id] = loop.call_at(when, self._ask, tenant_id, server_id)

    def _ask(self, tenant_id: str, server_id: str) -> None:
        loop = asyncio.get_running_loop()
        del self._waiting[server_id]
        self._asked[server_id] = loop.time()
        task = loop.create_task(asyncio.to_thread(_queue, tenant_id, server_id))
        self._queueing.add(task)
        task.add_done_callback(self._queueing.discard)


def _queue(tenant_id: str, server_id: str) -> None:
    try:
        refresh_server.apply_async(kwargs={"tenant_id": tenant_id, "server_id": server_id}, expires=WAIT_SECONDS)
    except OperationalError:
        log.warning("The broker is away: the change of server %s is noticed at its next round.", server_id)
