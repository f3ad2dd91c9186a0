"""Second step of rotating the key-encryption key (`tenants.datakeys`)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from tenants import datakeys, platform_keys
from tenants.context import acting_for
from tenants.lookups import all_tenant_ids


class Command(BaseCommand):
    help = (
        "Wrap every tenant's data keys, and the installation's own, under the current key-encryption key. "
        "Can be repeated at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        count = platform_keys.rewrap()
        for tenant_id in all_tenant_ids():
            with acting_for(tenant_id):
                count += datakeys.rewrap_data_keys()
        self.stdout.write(f"{count} data keys wrapped anew.")
