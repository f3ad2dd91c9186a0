"""This host: its sandbox runner, and the folder of built revisions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

from django.conf import settings

from controlplane.cli.doctor.findings import Finding, Level
from mcp_runtime.ports.sandboxes import SandboxError
from mcp_runtime.sandbox.client import RunnerClient

RUNNER_SECONDS = 5.0
WEAK = ("process",)
"""Launchers that shut nothing in."""


def check() -> Iterator[Finding]:
    yield _store()
    yield _sandbox()


def _store() -> Finding:
    store = settings.STOA_STORE
    if store.is_dir() and not os.access(store, os.R_OK | os.W_OK | os.X_OK):
        remedy = f"Give {store} to the user that the platform runs as."
        return Finding("store", Level.ERROR, f"{store} cannot be written by this user", remedy)
    if not store.is_dir():
        remedy = "Start the runner, which makes it, or set STOA_STORE to the folder that it uses."
        return Finding("store", Level.WARNING, f"{store} does not exist yet", remedy)
    return Finding("store", Level.OK, f"{store} can be written")


def _sandbox() -> Finding:
    try:
        status = asyncio.run(_status())
    except (OSError, TimeoutError, SandboxError) as error:
        remedy = "Start `stoa runner` on this host, and give it the same STOA_RUNNER_SOCKET."
        return Finding("sandbox", Level.ERROR, f"the runner does not answer: {type(error).__name__}", remedy)
    launcher, missing = status.get("launcher", "unknown"), status.get("missing", [])
    if launcher in WEAK:
        remedy = "Run `stoa runner` where user namespaces or Landlock are allowed; its log names what is missing."
        level = Level.WARNING if settings.STOA_ENV != "production" else Level.ERROR
        return Finding("sandbox", level, f"the launcher {launcher} shuts nothing in", remedy)
    if missing:
        remedy = "The runner's log says what this host would need for them."
        return Finding("sandbox", Level.WARNING, f"{launcher} runs without: {', '.join(missing)}", remedy)
    return Finding("sandbox", Level.OK, f"{launcher}, with every guarantee")


async def _status() -> dict[str, Any]:
    client = RunnerClient(settings.STOA_RUNNER_SOCKET)
    async with asyncio.timeout(RUNNER_SECONDS):
        await client.start()
        try:
            return await client.status()
        finally:
            await client.aclose()
