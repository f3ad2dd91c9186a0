"""Celery's settings (LIBRARIES 3.2, "Tasks"). A task carries ids; Postgres holds what is true about the work.

Read through `app.config_from_object("django.conf:settings", namespace="CELERY")`.
"""

from __future__ import annotations

from typing import Any

from controlplane.settings.databases import broker

CELERY_TASK_DEFAULT_QUEUE = "stoa"
TASKS_QUEUE = "stoa.tasks"
# Messages about tenants' tasks have a queue and a worker of their own: no build waits behind them, nor they behind it.
CELERY_TASK_ROUTES = {"tasks.run": {"queue": TASKS_QUEUE}}
# A worker asked to end first finishes what it has begun, for as long as whoever started it lets it.
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10.0
# JSON only: a broker that someone else can write to must not be able to make a worker unpickle.
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# No result backend: state and results are rows, written in the same transaction as the work.
CELERY_TASK_IGNORE_RESULT = True
# Acknowledge after the work, not before: a worker that is killed gives the message back instead of losing it.
CELERY_TASK_ACKS_LATE = True
# The same when only the child process dies (out of memory, SIGKILL), which Celery would else acknowledge.
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# Take one message at a time: a prefetched build would wait behind a long one while another worker idles.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# When the broker connection drops, unacknowledged work is redelivered: stop it here so that it does not run twice.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
# Redis may start after the worker.
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# And it may be away for long: never give up, the supervisor would only start the same worker again.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    # Without a read timeout a worker whose connection silently drops bytes stays deaf for ever (LIBRARIES 3.2).
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    # Lets the kernel notice a dead peer over TCP; kombu leaves it out for Unix sockets.
    "socket_keepalive": True,
    # A message not acknowledged for this long is delivered again: it must exceed the hard time limit below.
    "visibility_timeout": 3600,
    # One Redis may serve several purposes; the broker's keys stay apart from the rest.
    "global_keyprefix": "stoa:celery:",
}
# A publisher (a web request) gives up after about a second with an error rather than hang with its user.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5}
# The soft limit lets a task clean up, the hard one ends it; both well inside the visibility timeout.
CELERY_TASK_SOFT_TIME_LIMIT = 15 * 60
CELERY_TASK_TIME_LIMIT = 16 * 60
# A slow leak in a long-lived child ends with the child.
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
# Our logging configuration holds in workers too: it redacts.
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"


def broker_url(redis_url: str) -> str:
    return broker(redis_url)
