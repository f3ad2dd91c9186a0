"""How servers elsewhere are, and one function that finds those of all tenants that were not asked for a while."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from tenants.rls import let_owner_look_up, lookup_function


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("registry", "0005_static_servers"),
    ]

    operations: ClassVar = [
        migrations.AddField(
            model_name="server",
            name="health",
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="server",
            name="checked_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        let_owner_look_up("registry_server"),
        lookup_function(
            "registry_due_servers()",
            returns="TABLE (tenant_id text, server_id text)",
            body="""
                SELECT tenant_id::text, id::text FROM public.registry_server
                WHERE kind IN ('remote', 'openapi') AND current_revision_id IS NOT NULL
                  AND (checked_at IS NULL OR checked_at < now() - interval '5 minutes')
                ORDER BY checked_at NULLS FIRST LIMIT 500
            """,
        ),
    ]
