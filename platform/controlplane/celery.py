"""The Celery application. Loaded with Django's apps, so that every process publishes to the same broker.

celery -A controlplane.celery worker
celery -A controlplane.celery beat
"""

from __future__ import annotations

import os

from celery import Celery
from django.apps import AppConfig

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

app = Celery("stoa")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "forget-audit": {"task": "audit.forget", "schedule": 86_400.0, "options": {"expires": 80_000.0}},
    "forget-calls": {"task": "calls.forget", "schedule": 3600.0, "options": {"expires": 3000.0}},
    "refresh-servers": {"task": "registry.refresh_servers", "schedule": 60.0, "options": {"expires": 50.0}},
    "resume-builds": {"task": "registry.resume_builds", "schedule": 30.0, "options": {"expires": 25.0}},
}


class CeleryConfig(AppConfig):
    """Listed in INSTALLED_APPS: importing it makes `app` the one that `shared_task` binds to."""

    name = "controlplane"
    label = "celery_application"

    def ready(self) -> None:
        from controlplane.metrics import queue
        from controlplane.registry import runners
        from controlplane.vault.secrets import DatabaseSecrets

        runners.use_secrets(DatabaseSecrets())
        queue.stamp_messages()
