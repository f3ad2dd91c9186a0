"""What a worker that runs tasks needs: the same ways to servers as a gateway has, and the plans of any version."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from django.conf import settings

from controlplane import traces
from controlplane.composition.catalogue import version_of
from controlplane.connections.lending import DatabaseConnections
from controlplane.tasks.engine import Engine
from controlplane.vault.secrets import DatabaseSecrets
from mcp_runtime.connectors.remote import Remotes
from mcp_runtime.gateway.hub import Hub
from mcp_runtime.gateway.kept_state import RememberingSandboxes
from mcp_runtime.gateway.plans import CompiledPlan
from mcp_runtime.ports.plans import PlanDocument
from mcp_runtime.sandbox.client import RunnerClient
from mcp_runtime.sessions.redis import RedisSessions

PATIENCE_SECONDS = 20.0
"""How long a task waits for Redis, where its checkpoints are, to come back. Nobody waits for the task meanwhile, and it
may be one that cannot be begun again."""


@asynccontextmanager
async def opened() -> AsyncIterator[Engine]:
    """The engine and its ways, which are closed after it."""
    secrets = DatabaseSecrets()
    runner = RunnerClient(Path(settings.STOA_RUNNER_SOCKET), secrets)
    sessions = RedisSessions(settings.REDIS_URL)
    remotes = Remotes(secrets, connections=DatabaseConnections(), networks=settings.STOA_FETCH_NETWORKS)
    sandboxes = RememberingSandboxes(runner, sessions, patience=PATIENCE_SECONDS)
    hub = Hub(sessions)

    def compiled(document: PlanDocument) -> CompiledPlan:
        return CompiledPlan(document, sandboxes, remotes, tasks=True)

    await asyncio.gather(runner.start(), sessions.start())
    spans = traces.opened("stoa-tasks")
    try:
        yield Engine(version_of, compiled, hub.announce, None if spans is None else spans.put)
    finally:
        await asyncio.gather(hub.aclose(), remotes.aclose(), runner.aclose(), sessions.aclose())
        if spans is not None:
            await asyncio.to_thread(spans.close)
