"""The way from a task to the sandboxes of its host."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from django.conf import settings

from mcp_runtime.ports.credentials import Secrets
from mcp_runtime.sandbox.client import RunnerClient


class _Joined:
    """What the composition root joined. The registry knows that servers have secrets, not where those are kept."""

    secrets: Secrets | None = None


def use_secrets(secrets: Secrets) -> None:
    """Said once per process, by `controlplane.celery`."""
    _Joined.secrets = secrets


def secrets() -> Secrets | None:
    """Who opens servers' secrets."""
    return _Joined.secrets


@asynccontextmanager
async def connected() -> AsyncIterator[RunnerClient]:
    """A client of this host's runner, for the length of one task."""
    client = RunnerClient(Path(settings.STOA_RUNNER_SOCKET), _Joined.secrets)
    await client.start()
    try:
        yield client
    finally:
        await client.aclose()
