"""Telling workers that there is something to do. The rows are the truth: a lost message costs a sweep's time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

from celery import current_app
from django.db import connection, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from controlplane.announcements import TASKS, announce_on_commit
from controlplane.tasks.models import Task

RUN = "tasks.run"
"""The Celery task; it carries identifiers and nothing else."""
CANCELLED = "cancelled"
"""What an announcement says of a task that somebody has ended."""

log = logging.getLogger(__name__)


def queue(task: Task) -> None:
    """Let it be run, once the running transaction has committed. Not saved yet."""
    task.state, task.queued_at, task.leased_until = Task.State.QUEUED, timezone.now(), None
    transaction.on_commit(partial(publish, task.tenant_id, task.pk))


def publish(tenant_id: str, task_id: str) -> None:
    try:
        current_app.send_task(RUN, kwargs={"tenant_id": tenant_id, "task_id": task_id})
    except (OperationalError, OSError) as error:
        log.warning("The broker was not told of task %s: %s. A sweep will find it.", task_id, error)


def tell(task_id: str, *, cancelled: bool = False) -> None:
    """Wake whoever watches the task or runs it, once the running transaction has committed."""
    announce_on_commit(TASKS, f"{task_id} {CANCELLED}" if cancelled else task_id)


def due() -> Sequence[tuple[str, str]]:
    """Tenants and tasks that nobody works on, a few of each tenant's before more of any one's; a function of the
    schema's owner looks across tenants."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, task_id FROM public.tasks_due()")
        return cursor.fetchall()
