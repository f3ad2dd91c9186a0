from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

from tenants.rls import force_row_security


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("composition", "0002_compositions"),
        ("registry", "0001_initial"),
        ("tenants", "0002_initial"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Decision",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("kind", models.CharField(max_length=24)),
                ("name", models.TextField()),
                ("component", models.CharField(max_length=64)),
                ("approved", models.TextField(blank=True, null=True)),
                ("refused", models.CharField(blank=True, max_length=64)),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="decisions",
                        to="composition.endpoint",
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="registry.server",
                    ),
                ),
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
                    models.UniqueConstraint(
                        fields=("endpoint", "server", "component"), name="composition_decision_once"
                    )
                ],
            },
        ),
        force_row_security("composition_decision"),
    ]
