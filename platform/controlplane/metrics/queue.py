"""How long work waits for a Celery worker. The broker's messages carry no time, so each gets one when it is sent."""

from __future__ import annotations

import json
import time
from typing import Any, NamedTuple

import redis.asyncio
from celery.signals import before_task_publish
from django.conf import settings

SENT_AT = "stoa_sent_at"
SECONDS = 2.0


class Waiting(NamedTuple):
    length: int
    age: float
    """Of the oldest, in seconds."""


def stamp_messages() -> None:
    """From now on each message of this process says when it was sent."""
    before_task_publish.connect(_stamp, dispatch_uid=SENT_AT)


async def look() -> Waiting:
    """Raises RedisError, OSError."""
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    key = f"{options['global_keyprefix']}{settings.CELERY_TASK_DEFAULT_QUEUE}"
    client = redis.asyncio.from_url(settings.REDIS_URL, socket_connect_timeout=SECONDS, socket_timeout=SECONDS)
    try:
        async with client.pipeline(transaction=False) as pipeline:
            pipeline.llen(key)
            pipeline.lindex(key, -1)
            length, oldest = await pipeline.execute()
    finally:
        await client.aclose()
    return Waiting(length, _age(oldest) if oldest else 0.0)


def _stamp(headers: dict[str, Any], **_: Any) -> None:
    headers[SENT_AT] = round(time.time(), 3)


def _age(message: bytes) -> float:
    sent_at = json.loads(message).get("headers", {}).get(SENT_AT)
    return max(0.0, time.time() - sent_at) if isinstance(sent_at, int | float) else 0.0
