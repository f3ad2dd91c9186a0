from __future__ import annotations

from django.apps import AppConfig


class CompositionConfig(AppConfig):
    name = "controlplane.composition"

    def ready(self) -> None:
        from controlplane.composition import endings, receivers  # noqa: F401  importing connects them
