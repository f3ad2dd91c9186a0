"""A server elsewhere says that a list of its changed: it is asked at once, and not at each word. What then reaches who
listens is in test_worker.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis.asyncio
from django.conf import settings

from controlplane.registry.noticing import Refreshes
from tests.support import wait_until_async

QUEUE = f"{settings.CELERY_BROKER_TRANSPORT_OPTIONS['global_keyprefix']}{settings.CELERY_TASK_DEFAULT_QUEUE}"


@pytest.fixture
async def queued(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    """A broker without a worker, whose queue of refreshes can be counted."""
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        await client.delete(QUEUE)
        yield client
        await client.delete(QUEUE)


async def test_a_server_is_asked_at_once(queued: redis.asyncio.Redis) -> None:
    refreshes = Refreshes(apart=3600.0)

    refreshes("ten_1", "srv_1")
    refreshes("ten_1", "srv_2")

    await wait_until_async(lambda: _count(queued, 2))


async def test_what_is_said_often_is_heard_once_now_and_once_later(queued: redis.asyncio.Redis) -> None:
    loop = asyncio.get_running_loop()
    refreshes = Refreshes(apart=1.0)

    refreshes("ten_1", "srv_1")
    refreshes("ten_1", "srv_1")
    began = loop.time()
    await wait_until_async(lambda: _count(queued, 1))
    for _ in range(100):
        refreshes("ten_1", "srv_1")
    await wait_until_async(lambda: _count(queued, 2))

    assert loop.time() >= began + 1.0
    assert refreshes._waiting == {}


async def _count(client: redis.asyncio.Redis, count: int) -> bool:
    return bool(await client.llen(QUEUE) == count)
