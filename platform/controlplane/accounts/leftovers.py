"""What a deleted tenant leaves in Redis: its clients' sessions, their logs and what they watch."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import redis
from django.conf import settings
from django.db import transaction
from django.dispatch import receiver

from tenants.signals import tenant_ending

log = logging.getLogger(__name__)


@receiver(tenant_ending)
def forget_on_commit(*, tenant_id: str, **unused: object) -> None:
    transaction.on_commit(partial(forget_sessions, tenant_id), robust=True)


def forget_sessions(tenant_id: str) -> None:
    """All of it expires within half an hour by itself, so a Redis that is away costs nothing but that time."""
    try:
        client: Any = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=5)
        with client:
            counters = list(client.scan_iter(match=f"stoa:sessions:{tenant_id}*", count=1000))
            sessions = {member.decode() for counter in counters for member in client.zrange(counter, 0, -1)}
            gone = list(counters)
            for session in sessions:
                gone += [f"stoa:session:{session}", *client.scan_iter(match=f"stoa:session:{session}:*", count=1000)]
            if gone:
                client.delete(*gone)
    except redis.RedisError as error:
        log.warning("Sessions of the deleted tenant %s are left to expire: %s.", tenant_id, error)
