"""Answers that are given again to whoever repeats a request."""

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
            name="RepeatableAnswer",
            fields=[
                ("sealed", models.BinaryField()),
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("key_digest", models.BinaryField()),
                ("request_digest", models.BinaryField()),
                ("status", models.PositiveSmallIntegerField(default=0)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
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
                    models.UniqueConstraint(fields=("tenant", "key_digest"), name="api_repeatable_once"),
                ],
                "indexes": [models.Index(fields=["created_at"], name="api_repeatable_by_age")],
            },
        ),
        rls.force_row_security("api_repeatableanswer"),
    ]
