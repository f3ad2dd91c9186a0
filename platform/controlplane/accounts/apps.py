from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "controlplane.accounts"

    def ready(self) -> None:
        from controlplane.accounts import leftovers, proofs, tasks  # noqa: F401  importing connects them

        proofs.connect()
