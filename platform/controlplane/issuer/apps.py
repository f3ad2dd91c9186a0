from __future__ import annotations

from django.apps import AppConfig


class IssuerConfig(AppConfig):
    name = "controlplane.issuer"

    def ready(self) -> None:
        from controlplane.issuer import receivers  # noqa: F401  importing connects them
