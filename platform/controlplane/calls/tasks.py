"""Retention, by the hour."""

from __future__ import annotations

import logging

from celery import shared_task

from controlplane.calls import services

log = logging.getLogger(__name__)


@shared_task(name="calls.forget")
def forget() -> None:
    """A redelivery finds nothing left."""
    deleted = services.forget()
    if deleted:
        log.info("Forgot %d calls that were kept long enough.", deleted)
