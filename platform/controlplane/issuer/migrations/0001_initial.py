"""Issuers: keys, clients, consents and logins, each table behind forced row-level security from its first moment."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from tenants import rls


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar = [
        ("composition", "0001_initial"),
        ("tenants", "0003_lookups"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Client",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("client_id", models.CharField(max_length=512)),
                (
                    "kind",
                    models.CharField(
                        choices=[("registered", "Registered"), ("document", "Document"), ("manual", "Manual")],
                        max_length=16,
                    ),
                ),
                ("metadata", models.JSONField()),
                ("secret_digest", models.BinaryField(null=True)),
                ("registration_digest", models.BinaryField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("fresh_until", models.DateTimeField(blank=True, null=True)),
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
            name="Consent",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("redirect_uri", models.CharField(max_length=2048)),
                ("scopes", models.JSONField()),
                ("given_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="issuer.client"
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="composition.endpoint"
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
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Grant",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("resource", models.CharField(max_length=2048)),
                ("scopes", models.JSONField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("expires_at", models.DateTimeField()),
                ("last_used_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_because", models.CharField(blank=True, max_length=32)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="issuer.client"
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="composition.endpoint"
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
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="AuthorizationCode",
            fields=[
                ("digest", models.BinaryField(primary_key=True, serialize=False)),
                ("redirect_uri", models.CharField(max_length=2048)),
                ("resource", models.CharField(max_length=2048)),
                ("scopes", models.JSONField()),
                ("code_challenge", models.CharField(max_length=128)),
                ("expires_at", models.DateTimeField()),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="composition.endpoint"
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
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="issuer.client"
                    ),
                ),
                (
                    "grant",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="issuer.grant"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="RefreshToken",
            fields=[
                ("digest", models.BinaryField(primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "grant",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="issuer.grant"),
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
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="RevokedLogin",
            fields=[
                ("grant_id", models.CharField(max_length=30, primary_key=True, serialize=False)),
                ("tenant_id", models.CharField(max_length=30)),
                ("subject", models.CharField(max_length=255)),
                ("revoked_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "indexes": [models.Index(fields=["revoked_at"], name="issuer_revokedlogin_by_time")],
            },
        ),
        migrations.CreateModel(
            name="SigningKey",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("sealed", models.BinaryField()),
                ("public", models.JSONField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("signs_from", models.DateTimeField(default=django.utils.timezone.now)),
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
                "ordering": ["-signs_from", "-id"],
            },
        ),
        migrations.AddIndex(
            model_name="client",
            index=models.Index(fields=["tenant", "created_at"], name="issuer_client_by_age"),
        ),
        migrations.AddConstraint(
            model_name="client",
            constraint=models.UniqueConstraint(fields=("tenant", "client_id"), name="issuer_client_once"),
        ),
        migrations.AddConstraint(
            model_name="consent",
            constraint=models.UniqueConstraint(
                fields=("tenant", "user", "client", "endpoint", "redirect_uri"), name="issuer_consent_once"
            ),
        ),
        rls.force_row_security("issuer_client"),
        rls.force_row_security("issuer_consent"),
        rls.force_row_security("issuer_grant"),
        rls.force_row_security("issuer_authorizationcode"),
        rls.force_row_security("issuer_refreshtoken"),
        rls.force_row_security("issuer_revokedlogin"),
        rls.force_row_security("issuer_signingkey"),
        rls.let_owner_look_up("issuer_signingkey"),
        rls.let_owner_look_up("issuer_revokedlogin"),
        # What a gateway asks about the tenants it serves: public keys, and nothing of a tenant that is suspended.
        rls.lookup_function(
            "issuer_signers(wanted text[])",
            returns="TABLE (slug text, tenant text, kid text, public text)",
            body=(
                "SELECT t.slug, t.id, k.id, k.public::text FROM public.tenants_tenant t "
                "JOIN public.issuer_signingkey k ON k.tenant_id = t.id "
                "WHERE t.slug = ANY (wanted) AND t.status = 'active'"
            ),
        ),
        # Which logins ended in the last so many seconds: identifiers only.
        rls.lookup_function(
            "issuer_revocations(wanted text)",
            returns="TABLE (login text, subject text)",
            body=(
                "SELECT r.grant_id, r.subject FROM public.issuer_revokedlogin r "
                "WHERE r.revoked_at > now() - make_interval(secs => wanted::double precision)"
            ),
        ),
    ]
