from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from tenants.rls import force_row_security


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar = [
        ("registry", "0001_initial"),
        ("tenants", "0002_initial"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("slug", models.CharField(max_length=50)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("created_by", models.CharField(blank=True, max_length=255)),
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
                "ordering": ["slug"],
            },
        ),
        migrations.CreateModel(
            name="EndpointVersion",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("number", models.PositiveIntegerField()),
                ("document", models.TextField()),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("created_by", models.CharField(blank=True, max_length=255)),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="composition.endpoint",
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
                "ordering": ["-number"],
            },
        ),
        migrations.AddField(
            model_name="endpoint",
            name="published",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="composition.endpointversion",
            ),
        ),
        migrations.CreateModel(
            name="Mount",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mounts",
                        to="composition.endpoint",
                    ),
                ),
                (
                    "pinned_revision",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.revision",
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
                "ordering": ["position", "id"],
            },
        ),
        migrations.CreateModel(
            name="PlanCounter",
            fields=[
                ("id", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("published", models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.AddConstraint(
            model_name="endpointversion",
            constraint=models.UniqueConstraint(fields=("endpoint", "number"), name="composition_version_number_once"),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.UniqueConstraint(fields=("tenant", "slug"), name="composition_endpoint_slug_once"),
        ),
        migrations.AddConstraint(
            model_name="mount",
            constraint=models.UniqueConstraint(fields=("endpoint", "server"), name="composition_mount_once"),
        ),
        force_row_security("composition_endpoint"),
        force_row_security("composition_mount"),
        force_row_security("composition_endpointversion"),
    ]
