"""PostgreSQL and Redis: from their URLs to the dictionaries that Django, Celery and the channel layer want."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from controlplane import env

NOWHERE = "postgresql://stoa_app@127.0.0.1:1/stoa"
"""What development uses when no URL is set: settings import, checks run, and the first query says it cannot connect."""
NO_REDIS = "redis://127.0.0.1:1/0"

CONNECT_SECONDS = 5
"""An unreachable database must cost seconds, not psycopg's default of half a minute (LIBRARIES 3.2)."""


def databases(*, default_url: str | None) -> dict[str, dict[str, Any]]:
    """The one database, under the role this process may have.

    Web, worker and commands log in as `stoa_app` (DATABASE_URL), which owns nothing and is held by row-level
    security. Only STOA_DB_ROLE=owner, which manage.py sets for `migrate`, logs in as `stoa_owner` through
    DATABASE_OWNER_URL; processes that serve need not even know that URL.
    """
    owner = env.choice("STOA_DB_ROLE") == "owner"
    address = env.url("DATABASE_OWNER_URL") if owner else env.url("DATABASE_URL", default=default_url)
    return {"default": postgres(address, pool_size=env.integer("STOA_DATABASE_POOL"))}


def postgres(address: str, *, pool_size: int) -> dict[str, Any]:
    """Django's dictionary for one URL. `?host=/folder` names the folder of a Unix socket, as libpq has it.

    A pool belongs to a process that lives long and does not fork: the web process sets STOA_DATABASE_POOL.
    Commands and Celery's forking workers leave it at 0 and open a connection when they need one.
    """
    parts = urlsplit(address)
    options: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "application_name": "stoa"}
    options.update(parse_qsl(parts.query))
    host = options.pop("host", None) or unquote(parts.hostname or "")
    if pool_size:
        options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": CONNECT_SECONDS, "max_idle": 60}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(options.pop("port", None) or parts.port or ""),
        "CONN_MAX_AGE": 0,  # the pool keeps connections; Django must not keep a second stock
        "OPTIONS": options,
    }


def broker(redis_url: str) -> str:
    """kombu spells a Unix socket `redis+socket:///path`; redis-py spells it `unix:///path`."""
    return redis_url.replace("unix://", "redis+socket://", 1) if redis_url.startswith("unix://") else redis_url
