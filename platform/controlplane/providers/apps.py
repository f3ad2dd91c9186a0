from __future__ import annotations

from django.apps import AppConfig


class ProvidersConfig(AppConfig):
    name = "controlplane.providers"

    def ready(self) -> None:
        from controlplane.accounts import conditions
        from controlplane.providers.requirement import signs_in_as_the_tenant_wants

        conditions.ALL.append(signs_in_as_the_tenant_wants)
