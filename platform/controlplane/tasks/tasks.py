"""Celery tasks of tasks. They carry identifiers, nothing else, and a redelivery is harmless."""

from __future__ import annotations

import logging

from celery import shared_task

from controlplane.tasks import services, workshop
from controlplane.tasks.queueing import RUN

log = logging.getLogger(__name__)


@shared_task(name=RUN, acks_late=False)  # a hint where to look: nothing is lost with it
def run(*, tenant_id: str, task_id: str) -> None:
    """Returns at once: the run goes on in the worker's event loop, and no place of the pool waits for it."""
    workshop.offer(tenant_id, task_id)


@shared_task(name="tasks.forget")
def forget() -> None:
    """A redelivery finds nothing left."""
    deleted = services.forget()
    if deleted:
        log.info("Forgot %d tasks that were kept long enough.", deleted)
