"""How many requests a caller may make in a minute, told with every answer. Counted in Redis; without it nobody is."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import redis
from django.conf import settings

WINDOW: Final = 60

log = logging.getLogger(__name__)


class TooManyRequests(Exception):
    def __init__(self, rate: Rate) -> None:
        super().__init__(f"More than {rate.limit} requests in a minute.")
        self.rate = rate


@dataclass(frozen=True, slots=True)
class Rate:
    limit: int
    used: int
    reset: int
    """Seconds until the count begins anew."""

    @property
    def headers(self) -> Mapping[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(self.limit - self.used, 0)),
            "RateLimit-Reset": str(self.reset),
        }


def take(caller: str) -> Rate | None:
    """Count a request; None where nobody can. Raises TooManyRequests."""
    now = int(time.time())
    window, reset = now // WINDOW, WINDOW - now % WINDOW
    key = f"stoa:api:{hashlib.sha256(caller.encode()).hexdigest()[:32]}:{window}"
    try:
        with _counter(settings.REDIS_URL).pipeline() as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, WINDOW)
            used = int(pipeline.execute()[0])
    except redis.RedisError as error:
        log.warning("Requests are not counted: %s.", error)
        return None
    rate = Rate(settings.STOA_API_REQUESTS_A_MINUTE, used, reset)
    if used > rate.limit:
        raise TooManyRequests(rate)
    return rate


@cache
def _counter(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
