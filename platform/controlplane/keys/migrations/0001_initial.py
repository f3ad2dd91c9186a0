"""API keys, and the one question asked before the tenant is known: whose key is this?"""

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
            name="ApiKey",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("name", models.CharField(max_length=100)),
                ("lookup", models.CharField(max_length=8, unique=True)),
                ("digest", models.BinaryField()),
                ("scopes", models.JSONField()),
                ("audience", models.CharField(default="*", max_length=30)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("created_by", models.CharField(blank=True, max_length=255)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
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
                "ordering": ["-created_at"],
                "indexes": [models.Index(fields=["tenant", "-created_at"], name="keys_apikey_by_tenant")],
            },
        ),
        rls.force_row_security("keys_apikey"),
        rls.let_owner_look_up("keys_apikey"),
        rls.lookup_function(
            "keys_tenant(wanted text)",
            returns="TABLE (id text, slug text, name text, status text)",
            body=(
                "SELECT t.id, t.slug, t.name, t.status "
                "FROM public.keys_apikey k JOIN public.tenants_tenant t ON t.id = k.tenant_id WHERE k.lookup = wanted"
            ),
        ),
    ]
