"""Requests that gateways served."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar = [("tenants", "0003_lookups")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Call",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("request_id", models.CharField(max_length=40)),
                ("at", models.DateTimeField()),
                ("endpoint", models.CharField(max_length=50)),
                ("subject", models.CharField(max_length=255)),
                ("protocol", models.CharField(blank=True, max_length=10)),
                ("method", models.CharField(blank=True, max_length=64)),
                ("name", models.CharField(blank=True, max_length=2048)),
                ("credential", models.CharField(blank=True, max_length=40)),
                ("status", models.PositiveSmallIntegerField()),
                ("outcome", models.CharField(max_length=64)),
                ("ms", models.FloatField()),
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
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["tenant", "-id"], name="calls_call_newest"),
                    models.Index(fields=["tenant", "at"], name="calls_call_by_time"),
                ],
            },
        ),
        rls.force_row_security("calls_call"),
    ]
