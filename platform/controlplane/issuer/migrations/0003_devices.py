"""Device codes behind row-level security, and logins for the management API."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from tenants import rls

ENDPOINT = models.ForeignKey(
    null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="composition.endpoint"
)


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("issuer", "0002_programs"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.AlterField(model_name="grant", name="endpoint", field=ENDPOINT.clone()),
        migrations.CreateModel(
            name="DeviceCode",
            fields=[
                ("digest", models.BinaryField(primary_key=True, serialize=False)),
                ("user_code", models.CharField(max_length=9)),
                ("resource", models.CharField(max_length=2048)),
                ("scopes", models.JSONField()),
                ("expires_at", models.DateTimeField()),
                ("polled_at", models.DateTimeField(blank=True, null=True)),
                ("allowed", models.BooleanField(default=False)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="issuer.client"
                    ),
                ),
                ("endpoint", ENDPOINT.clone()),
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
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("tenant", "user_code"), name="issuer_user_code_once")],
            },
        ),
        rls.force_row_security("issuer_devicecode"),
    ]
