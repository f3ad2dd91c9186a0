"""Runs a client whose connections are cut when it says so."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support import RunningPlatform
from tests.support.wire import Wire

SECONDS = 300.0


@contextlib.asynccontextmanager
async def wired(url: str) -> AsyncIterator[tuple[Wire, str]]:
    """A wire to a platform's URL, and the URL at its near end."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    async with Wire(parts.hostname, parts.port).laid() as wire:
        yield wire, parts._replace(netloc=f"{parts.hostname}:{wire.port}").geturl()


async def seen(platform: RunningPlatform, program: Path, script: Path, url: str, *options: str) -> Any:
    """What a client printed last, as JSON. At each line `cut` its connections are."""
    async with wired(url) as (wire, near), asyncio.timeout(SECONDS):
        client = await asyncio.create_subprocess_exec(
            program, script, near, *options,
            env={**os.environ, "STOA_API_KEY": platform.api_key},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert client.stdout
        assert client.stderr
        complaints = asyncio.create_task(client.stderr.read())
        line = b""
        async for line in client.stdout:
            if line == b"cut\n":
                wire.cut()
        assert await client.wait() == 0, (await complaints).decode()
    return json.loads(line)
