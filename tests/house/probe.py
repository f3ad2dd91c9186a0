"""Loaded by manage.py, Celery and uvicorn in test_platform_module: says whose `platform` module it got."""

from __future__ import annotations

import platform
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from celery import Celery

print(f"platform={platform.__file__}")

app = Celery("probe")

Message = MutableMapping[str, Any]


async def application(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Refuses to start, so that uvicorn ends after having imported it."""
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "seen enough"})
