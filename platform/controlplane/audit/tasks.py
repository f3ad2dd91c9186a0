"""What the record does by itself."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from controlplane.audit.services import forget


@shared_task(name="audit.forget")
def forget_old() -> None:
    """Every day: what is older than STOA_AUDIT_DAYS ends."""
    forget(settings.STOA_AUDIT_DAYS)
