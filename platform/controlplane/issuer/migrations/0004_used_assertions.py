"""Assertions of identity providers that were used, behind row-level security."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):
    dependencies: ClassVar = [("issuer", "0003_devices")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="UsedAssertion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("issuer", models.CharField(max_length=500)),
                ("digest", models.BinaryField()),
                ("expires_at", models.DateTimeField()),
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
                    models.UniqueConstraint(fields=("tenant", "issuer", "digest"), name="issuer_assertion_once"),
                ],
            },
        ),
        rls.force_row_security("issuer_usedassertion"),
    ]
