from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from tenants.rls import force_row_security


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar = [
        ("tenants", "0002_initial"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Revision",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("number", models.PositiveIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("building", "Building"),
                            ("active", "Active"),
                            ("superseded", "Superseded"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                        max_length=16,
                    ),
                ),
                ("bundle", models.CharField(max_length=64)),
                ("file_name", models.CharField(max_length=200)),
                ("requested_entrypoint", models.CharField(blank=True, max_length=300)),
                ("code", models.CharField(blank=True, max_length=64)),
                ("dependencies", models.CharField(blank=True, max_length=64)),
                ("lock", models.TextField(blank=True)),
                ("entrypoint", models.CharField(blank=True, max_length=300)),
                ("manifest", models.TextField(blank=True, null=True)),
                ("error", models.JSONField(blank=True, null=True)),
                ("attempt", models.PositiveSmallIntegerField(default=0)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("created_by", models.CharField(blank=True, max_length=255)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("activated_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
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
        migrations.CreateModel(
            name="Server",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("slug", models.CharField(max_length=50)),
                (
                    "kind",
                    models.CharField(choices=[("python", "Python")], default="python", max_length=16),
                ),
                ("hosts", models.JSONField(default=list)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("created_by", models.CharField(blank=True, max_length=255)),
                (
                    "current_revision",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.revision",
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
                "ordering": ["slug"],
            },
        ),
        migrations.AddField(
            model_name="revision",
            name="server",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="revisions",
                to="registry.server",
            ),
        ),
        migrations.CreateModel(
            name="BuildLogLine",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("seq", models.PositiveIntegerField()),
                ("text", models.TextField()),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "tenant",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "revision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="log_lines",
                        to="registry.revision",
                    ),
                ),
            ],
            options={
                "ordering": ["seq"],
                "constraints": [
                    models.UniqueConstraint(fields=("revision", "seq"), name="registry_build_log_line_once")
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="server",
            constraint=models.UniqueConstraint(fields=("tenant", "slug"), name="registry_server_slug_once"),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.UniqueConstraint(fields=("server", "number"), name="registry_revision_number_once"),
        ),
        force_row_security("registry_server"),
        force_row_security("registry_revision"),
        force_row_security("registry_buildlogline"),
    ]
