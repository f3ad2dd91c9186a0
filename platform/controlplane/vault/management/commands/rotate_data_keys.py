"""Change the keys that seal tenants' secrets (docs/guides/rotate-keys.md)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from controlplane.vault.services import rotate_data_key
from tenants.context import acting_for
from tenants.lookups import all_tenant_ids, tenant_by_slug


class Command(BaseCommand):
    help = "Give every tenant a new data key and seal their secrets anew. Nothing pauses; can be repeated at any time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", help="Only this one, by its slug.")

    def handle(self, *args: Any, tenant: str | None = None, **options: Any) -> None:
        count = 0
        chosen = all_tenant_ids() if tenant is None else [_find(tenant)]
        for tenant_id in chosen:
            with acting_for(tenant_id):  # a transaction each: a fault leaves the others done
                count += rotate_data_key(acting=None)
        self.stdout.write(f"{len(chosen)} new data keys, {count} values sealed anew.")


def _find(slug: str) -> str:
    found = tenant_by_slug(slug)
    if found is None:
        raise CommandError(f"There is no tenant named {slug!r}.")
    return found.id
