"""Identity providers of tenants."""

from __future__ import annotations

from typing import Any, ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from tenants import rls

CASCADE = django.db.models.deletion.CASCADE
TENANT: dict[str, Any] = {
    "editable": False,
    "on_delete": django.db.models.deletion.PROTECT,
    "related_name": "+",
    "to": "tenants.tenant",
}
PROVIDER: dict[str, Any] = {"on_delete": CASCADE, "to": "providers.provider"}


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar = [
        ("tenants", "0003_lookups"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Provider",
            fields=[
                ("sealed", models.BinaryField()),
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("slug", models.CharField(max_length=50)),
                ("kind", models.CharField(max_length=16)),
                ("name", models.CharField(max_length=100)),
                ("issuer", models.CharField(max_length=500)),
                ("client_id", models.CharField(blank=True, max_length=500)),
                ("fingerprint", models.CharField(blank=True, max_length=16)),
                ("settings", models.JSONField(default=dict)),
                ("rules", models.JSONField(default=list)),
                ("trusts_email", models.BooleanField(default=False)),
                ("counts_as_second_factor", models.BooleanField(default=False)),
                ("required", models.BooleanField(default=False)),
                ("enabled", models.BooleanField(default=False)),
                ("tested", models.CharField(blank=True, max_length=64)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("tenant", models.ForeignKey(**TENANT)),
            ],
            options={
                "ordering": ["slug"],
                "constraints": [
                    models.UniqueConstraint(fields=["tenant", "slug"], name="providers_provider_slug_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Standing",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("given_role", models.CharField(blank=True, max_length=16)),
                ("last_used_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("provider", models.ForeignKey(related_name="standings", **PROVIDER)),
                ("tenant", models.ForeignKey(**TENANT)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["tenant", "provider", "user"], name="providers_standing_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Attempt",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("is_test", models.BooleanField(default=False)),
                ("succeeded", models.BooleanField(default=False)),
                ("steps", models.JSONField(default=list)),
                ("claims", models.JSONField(default=dict)),
                ("provider", models.ForeignKey(related_name="attempts", **PROVIDER)),
                ("tenant", models.ForeignKey(**TENANT)),
            ],
            options={"ordering": ["-id"]},
        ),
        rls.force_row_security("providers_provider"),
        rls.force_row_security("providers_standing"),
        rls.force_row_security("providers_attempt"),
    ]
