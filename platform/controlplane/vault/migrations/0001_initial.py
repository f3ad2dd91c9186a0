"""Servers' sealed environment variables."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar = [("tenants", "0003_lookups")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Secret",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("server_id", models.CharField(max_length=30)),
                ("name", models.CharField(max_length=128)),
                ("sealed", models.BinaryField()),
                ("fingerprint", models.CharField(max_length=16)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("updated_by", models.CharField(blank=True, max_length=255)),
                (
                    "tenant",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "server_id", "name"), name="vault_secret_name_once")
                ],
            },
        ),
        rls.force_row_security("vault_secret"),
    ]
