from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis.asyncio
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from controlplane.announcements import KEYS, PLANS, announce, announce_on_commit, listen


@pytest.fixture
async def heard(redis_url: str) -> AsyncIterator[AsyncIterator[str | None]]:
    """A listener that has already been told to start afresh."""
    messages = listen(KEYS)
    async with asyncio.timeout(10):
        assert await anext(messages) is None
    yield messages
    await messages.aclose()


async def test_a_message_reaches_the_listeners_of_its_channel(heard: AsyncIterator[str | None]) -> None:
    await asyncio.to_thread(announce, PLANS, "acme/weather")
    await asyncio.to_thread(announce, KEYS, "key_1")

    async with asyncio.timeout(10):
        assert await anext(heard) == "key_1"


async def test_a_listener_that_lost_its_connection_is_told_to_forget(
    heard: AsyncIterator[str | None], redis_url: str
) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        await client.client_kill_filter(_type="pubsub")

    async with asyncio.timeout(10):
        assert await anext(heard) is None
    await asyncio.to_thread(announce, KEYS, "key_2")
    async with asyncio.timeout(10):
        assert await anext(heard) == "key_2"


def test_an_absent_redis_fails_no_publisher(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock"

    announce(KEYS, "key_1")

    assert "Not announced on stoa:keys" in caplog.text


@pytest.mark.django_db
def test_what_rolls_back_is_not_announced(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks() as callbacks, transaction.atomic():
        announce_on_commit(KEYS, "key_1")
        transaction.set_rollback(True)

    assert callbacks == []
