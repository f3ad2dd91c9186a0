"""Whether a tenant requires a provider is asked before its rows may be seen."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from tenants import rls


class Migration(migrations.Migration):
    dependencies: ClassVar = [("providers", "0001_initial")]

    operations: ClassVar = [
        rls.let_owner_look_up("providers_provider"),
        rls.lookup_function(
            "providers_required(wanted text)",
            returns="boolean",
            body=(
                "SELECT EXISTS (SELECT 1 FROM public.providers_provider p "
                "WHERE p.tenant_id = wanted AND p.enabled AND p.required)"
            ),
        ),
    ]
