"""The Celery application. Loaded with Django's apps, so that every process publishes to the same broker.

celery -A controlplane.celery worker
celery -A controlplane.celery worker --queues=stoa.tasks --pool=threads --concurrency=2
celery -A controlplane.celery beat

The second worker runs tenants' tasks, many at once in an event loop of its own: its pool only takes in messages.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down
from django.apps import AppConfig

from controlplane.settings.tasks import TASKS_QUEUE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

app = Celery("stoa")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "forget-audit": {"task": "audit.forget", "schedule": 86_400.0, "options": {"expires": 80_000.0}},
    "forget-calls": {"task": "calls.forget", "schedule": 3600.0, "options": {"expires": 3000.0}},
    "refresh-servers": {"task": "registry.refresh_servers", "schedule": 60.0, "options": {"expires": 50.0}},
    "forget-tasks": {"task": "tasks.forget", "schedule": 600.0, "options": {"expires": 500.0}},
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


@worker_ready.connect
def run_tasks(sender: Any, **unused: object) -> None:
    """A worker that takes tasks begins to look for some, message or not."""
    if TASKS_QUEUE in sender.app.amqp.queues.consume_from:
        from controlplane.background import opened
        from controlplane.tasks.workshop import open_workshop

        open_workshop(opened)


@worker_shutting_down.connect
def give_tasks_back(**unused: object) -> None:
    from controlplane.tasks.workshop import close_workshop

    threading.Thread(target=close_workshop, name="tasks: stop").start()  # this is a signal handler: it must not wait
