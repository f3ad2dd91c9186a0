"""A build is leased, not timed; and one function finds the builds of all tenants that nobody works on."""

from __future__ import annotations

from typing import ClassVar

import django.utils.timezone
from django.db import migrations, models

from tenants.rls import let_owner_look_up, lookup_function


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("registry", "0001_initial"),
    ]

    operations: ClassVar = [
        migrations.RemoveField(model_name="revision", name="started_at"),
        migrations.AddField(
            model_name="revision",
            name="queued_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddField(
            model_name="revision",
            name="leased_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="revision",
            index=models.Index(
                condition=models.Q(("status__in", ["queued", "building"])),
                fields=["status"],
                name="registry_revision_unbuilt",
            ),
        ),
        let_owner_look_up("registry_revision"),
        lookup_function(
            "registry_stuck_builds()",
            returns="TABLE (tenant_id text, revision_id text)",
            body="""
                SELECT tenant_id::text, id::text FROM public.registry_revision
                WHERE (status = 'queued' AND queued_at < now() - interval '1 minute')
                   OR (status = 'building' AND leased_until < now() AND queued_at < now() - interval '1 minute')
                ORDER BY queued_at LIMIT 1000
            """,
        ),
    ]
