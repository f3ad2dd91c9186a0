"""Short messages between processes over Redis: a key was revoked, a plan changed.

They make caches forget early and are never the truth: whoever misses one asks Postgres again within seconds
(ARCHITECTURE 6.4). So a publisher never fails because of Redis, and a listener is told when it may have missed some.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator
from functools import cache, partial
from typing import Final

import redis
import redis.asyncio
from django.conf import settings
from django.db import transaction

KEYS: Final = "stoa:keys"
"""Carries the identifier of an API key that no longer means what it did."""
GRANTS: Final = "stoa:grants"
"""Carries `<login> <subject>` of a login that was revoked, or `*` when an issuer's keys changed."""
PLANS: Final = "stoa:plans"
"""Carries `<tenant slug>/<endpoint slug>` whose plan changed."""
TASKS: Final = "stoa:tasks"
"""Carries the identifier of a task that changed, and ` cancelled` behind it where somebody has ended it."""

QUIET_SECONDS = 5.0
"""After this long without a message the listener asks Redis for a sign of life, and gives up after three of these."""
LONGEST_PAUSE = 5.0

log = logging.getLogger(__name__)


def announce_on_commit(channel: str, message: str) -> None:
    """Publish once the running transaction has committed; never if it rolls back."""
    transaction.on_commit(partial(announce, channel, message))


def announce(channel: str, message: str) -> None:
    try:
        _publisher(settings.REDIS_URL).publish(channel, message)
    except redis.RedisError as error:
        log.warning("Not announced on %s: %s. Listeners notice on their own within seconds.", channel, error)


async def listen(channel: str) -> AsyncGenerator[str | None, None]:
    """Messages as they come, for ever. None means that some may have been missed: first, and after each reconnect."""
    pause = 0.1
    while True:
        client: redis.asyncio.Redis = redis.asyncio.Redis.from_url(
            settings.REDIS_URL, decode_responses=True, socket_connect_timeout=QUIET_SECONDS
        )
        try:
            async with client, client.pubsub() as subscription:
                await subscription.subscribe(channel)
                _stop_if_cancelled()
                quiet = 0
                while quiet < 3:
                    message = await subscription.get_message(timeout=QUIET_SECONDS)
                    _stop_if_cancelled()
                    if message is None:
                        quiet += 1
                        await subscription.ping()
                        continue
                    quiet = 0
                    if message["type"] == "subscribe":
                        pause = 0.1
                        yield None
                    elif message["type"] == "message":
                        yield str(message["data"])
            log.warning("Redis went quiet on %s; connecting again.", channel)
        except (redis.RedisError, OSError) as error:
            log.warning("Lost Redis on %s: %s; connecting again in about %.1f s.", channel, error, pause)
        # Half to one and a half of it, so that gateways do not all come back at once.
        await asyncio.sleep(pause * (0.5 + secrets.randbelow(1000) / 1000))
        pause = min(pause * 2, LONGEST_PAUSE)


async def end(task: asyncio.Task[None]) -> None:
    """Cancel a task that uses Redis, until it is over.

    Once is not enough: redis-py sends inside `asyncio.wait_for`, which in Python 3.11 loses a cancellation that comes
    just when the sending is done (python/cpython#86296).
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)


def _stop_if_cancelled() -> None:
    """Notice a cancellation that `asyncio.wait_for` has lost; see `end`."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


@cache
def _publisher(url: str) -> redis.Redis:
    """One client for the process; its pool is safe across threads and notices a fork."""
    return redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
