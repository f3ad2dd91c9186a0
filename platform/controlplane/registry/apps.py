from __future__ import annotations

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "controlplane.registry"

    def ready(self) -> None:
        from controlplane.registry import refreshing  # noqa: F401 - its tasks; `tasks` alone is found by Celery
