"""Redis: it must refuse rather than forget, and keep the queue over a restart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import redis
from django.conf import settings
from redis.exceptions import RedisError

from controlplane.cli.doctor.findings import Finding, Level

CONNECT_SECONDS = 5.0


def check() -> Iterator[Finding]:
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS
    )
    try:
        facts: dict[str, Any] = client.info("everything")
    except RedisError as error:
        yield Finding(
            "redis",
            Level.ERROR,
            f"it does not answer: {type(error).__name__}",
            "Check REDIS_URL, and that the server runs and lets this host in.",
        )
        return
    finally:
        client.close()

    policy, most = facts.get("maxmemory_policy", "unknown"), int(facts.get("maxmemory", 0))
    if policy != "noeviction":
        yield Finding(
            "redis memory",
            Level.ERROR,
            f"maxmemory-policy is {policy}: a full Redis forgets queued work and sessions",
            "Set maxmemory-policy noeviction.",
        )
    elif not most:
        yield Finding(
            "redis memory",
            Level.WARNING,
            "it has no maxmemory: it grows until the host kills something",
            "Set maxmemory to what the host can spare, such as 512mb.",
        )
    else:
        used = int(facts.get("used_memory", 0))
        full = used / most
        level = Level.WARNING if full > 0.8 else Level.OK
        remedy = "Raise maxmemory, or find what fills it: redis-cli --bigkeys." if full > 0.8 else ""
        yield Finding("redis memory", level, f"{full:.0%} of maxmemory is used; a full Redis refuses", remedy)

    if facts.get("aof_enabled"):
        yield Finding("redis persistence", Level.OK, "it keeps an append-only file")
    else:
        yield Finding(
            "redis persistence",
            Level.WARNING,
            "it keeps no append-only file: a restart ends clients' sessions and delays queued work",
            "Set appendonly yes.",
        )
