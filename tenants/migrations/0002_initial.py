"""Tenants, reserved slugs, memberships and data keys, each behind forced row-level security from its first moment."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from tenants import rls

TENANT = models.ForeignKey(
    editable=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.tenant"
)


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar = [
        ("tenants", "0001_app_role"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Tenant",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("slug", models.CharField(max_length=50, unique=True)),
                ("name", models.CharField(max_length=150)),
                (
                    "status",
                    models.CharField(
                        choices=[("active", "Active"), ("suspended", "Suspended")], default="active", max_length=16
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
        ),
        rls.force_row_security("tenants_tenant", column="id"),
        migrations.CreateModel(
            name="Slug",
            fields=[
                ("slug", models.CharField(max_length=50, primary_key=True, serialize=False)),
                ("tenant_id", models.CharField(max_length=30)),
                ("reserved_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
        ),
        rls.force_row_security("tenants_slug"),
        rls.append_only("tenants_slug"),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("owner", "Owner"),
                            ("admin", "Admin"),
                            ("developer", "Developer"),
                            ("operator", "Operator"),
                            ("viewer", "Viewer"),
                            ("auditor", "Auditor"),
                        ],
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("tenant", TENANT.clone()),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("tenant", "user"), name="tenants_membership_once")],
            },
        ),
        rls.force_row_security("tenants_membership"),
        migrations.CreateModel(
            name="TenantKey",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("wrapped", models.BinaryField()),
                ("wrapped_by", models.CharField(max_length=16)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("tenant", TENANT.clone()),
            ],
            options={"abstract": False},
        ),
        rls.force_row_security("tenants_tenantkey"),
    ]
