"""Which secrets a configuration expects its servers to have."""

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
            name="Expectation",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("server_id", models.CharField(max_length=30)),
                ("secrets", models.JSONField(default=list)),
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
                    models.UniqueConstraint(fields=("tenant", "server_id"), name="declarative_expectation_once")
                ],
            },
        ),
        rls.force_row_security("declarative_expectation"),
    ]
