"""The record. From its first moment it is walled off by tenant, and the application can only add to it."""

from __future__ import annotations

from typing import ClassVar

import django.utils.timezone
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar = [("tenants", "0001_app_role")]  # its grant would give back what is revoked here

    operations: ClassVar = [
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("tenant_id", models.CharField(max_length=30)),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("action", models.CharField(max_length=100)),
                ("actor_kind", models.CharField(max_length=16)),
                ("actor", models.CharField(blank=True, max_length=255)),
                ("target", models.CharField(max_length=255)),
                ("before", models.CharField(blank=True, max_length=64)),
                ("after", models.CharField(blank=True, max_length=64)),
                ("request_id", models.CharField(blank=True, max_length=64)),
            ],
            options={
                "verbose_name_plural": "entries",
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["tenant_id", "-id"], name="audit_entry_by_tenant")],
            },
        ),
        rls.force_row_security("audit_entry"),
        rls.append_only("audit_entry"),
    ]
