"""Celery tasks of the registry. They carry identifiers, nothing else, and a redelivery is harmless."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from controlplane.registry import builds
from controlplane.registry.models import Revision
from tenants import lookups
from tenants.context import acting_for

QUEUED_TOO_LONG = timedelta(minutes=1)
"""A revision that has waited this long for a worker is queued again: its message may never have been sent."""
BUILDING_TOO_LONG = timedelta(minutes=20)
"""Longer than a build can take (`CELERY_TASK_TIME_LIMIT`): its worker is gone."""

log = logging.getLogger(__name__)


@shared_task(name="registry.build_revision")
def build_revision(*, revision_id: str, tenant_id: str) -> None:
    """Build one revision and activate it. Delivered twice, the second finds it finished, or takes it over."""
    asyncio.run(
        builds.build(
            revision_id,
            tenant_id,
            store_root=Path(settings.STOA_STORE),
            runner_socket=Path(settings.STOA_RUNNER_SOCKET),
        )
    )


@shared_task(name="registry.resume_builds")
def resume_builds() -> None:
    """Queue what is waiting although nobody works on it: the broker was away, or a worker died with it."""
    now = timezone.now()
    for tenant_id in lookups.all_tenant_ids():
        with acting_for(tenant_id):
            stuck = Revision.objects.filter(
                status=Revision.Status.QUEUED, created_at__lt=now - QUEUED_TOO_LONG
            ) | Revision.objects.filter(status=Revision.Status.BUILDING, started_at__lt=now - BUILDING_TOO_LONG)
            waiting = list(stuck.values_list("id", flat=True))
        for revision_id in waiting:
            log.warning("Queueing the build of %s again: nothing has worked on it.", revision_id)
            build_revision.delay(revision_id=revision_id, tenant_id=tenant_id)
