"""Where callers log in at upstreams, their log-ins, and those under way."""

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
            name="Attempt",
            fields=[
                ("sealed", models.BinaryField()),
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("state_digest", models.BinaryField(unique=True)),
                ("server_id", models.CharField(max_length=30)),
                ("user_id", models.CharField(max_length=30)),
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
        ),
        migrations.CreateModel(
            name="Connection",
            fields=[
                ("sealed", models.BinaryField()),
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("server_id", models.CharField(max_length=30)),
                ("owner", models.CharField(blank=True, max_length=255)),
                (
                    "state",
                    models.CharField(
                        choices=[("connected", "Connected"), ("ended", "Ended")], default="connected", max_length=16
                    ),
                ),
                ("scope", models.CharField(blank=True, max_length=2000)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("connected_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("connected_by", models.CharField(blank=True, max_length=255)),
                ("refreshed_at", models.DateTimeField(blank=True, null=True)),
                ("refreshing_until", models.DateTimeField(blank=True, null=True)),
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
                    models.UniqueConstraint(fields=("tenant", "server_id", "owner"), name="connections_connection_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Upstream",
            fields=[
                ("sealed", models.BinaryField()),
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("server_id", models.CharField(max_length=30)),
                ("shared", models.BooleanField()),
                ("url", models.CharField(max_length=2048)),
                ("issuer", models.CharField(blank=True, max_length=2048)),
                ("resource", models.CharField(blank=True, max_length=2048)),
                ("metadata", models.JSONField(default=dict)),
                ("scope", models.CharField(blank=True, max_length=2000)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
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
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "server_id"), name="connections_upstream_once")
                ],
            },
        ),
        rls.force_row_security("connections_attempt"),
        rls.force_row_security("connections_connection"),
        rls.force_row_security("connections_upstream"),
    ]
