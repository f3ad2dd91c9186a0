"""Accounts of tenants' providers, sessions that can be listed, second factors, invitations, the platform's record."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from tenants import rls

ROLES = [
    ("owner", "Owner"),
    ("admin", "Admin"),
    ("developer", "Developer"),
    ("operator", "Operator"),
    ("viewer", "Viewer"),
    ("auditor", "Auditor"),
]


def created() -> models.DateTimeField[object, object]:
    return models.DateTimeField(default=django.utils.timezone.now, editable=False)


def tenant() -> models.ForeignKey[object, object]:
    return models.ForeignKey(
        editable=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.tenant"
    )


def person(related_name: str = "+", *, null: bool = False) -> models.ForeignKey[object, object]:
    return models.ForeignKey(
        null=null,
        on_delete=django.db.models.deletion.CASCADE,
        related_name=related_name,
        to=settings.AUTH_USER_MODEL,
    )


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("accounts", "0002_sign_in_attempts"),
        ("tenants", "0004_policies_and_erasure"),
    ]

    operations: ClassVar = [
        migrations.AddField("user", "email_verified_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "user", "home", models.CharField(blank=True, db_index=True, default="", editable=False, max_length=30)
        ),
        migrations.AddField("user", "is_platform_admin", models.BooleanField(default=False)),
        migrations.AlterField("user", "email", models.EmailField(max_length=254)),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(
                condition=models.Q(("home", "")),
                fields=("email",),
                name="accounts_user_email_once",
                violation_error_message="This address has an account.",
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(("home", ""), ("is_platform_admin", False), _connector="OR"),
                name="accounts_user_admin_at_home",
            ),
        ),
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "session_key",
                    models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name="session key"),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("id", models.CharField(blank=True, db_index=True, default="", editable=False, max_length=30)),
                ("user", person(null=True)),
                ("method", models.CharField(blank=True, max_length=16)),
                ("address", models.CharField(blank=True, max_length=64)),
                ("program", models.CharField(blank=True, max_length=300)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("seen_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={"verbose_name": "session", "verbose_name_plural": "sessions", "abstract": False},
        ),
        migrations.CreateModel(
            name="Authenticator",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("user", person("authenticators")),
                (
                    "kind",
                    models.CharField(choices=[("totp", "Authenticator app"), ("passkey", "Passkey")], max_length=16),
                ),
                ("name", models.CharField(max_length=100)),
                ("sealed", models.BinaryField(default=b"")),
                ("credential_id", models.BinaryField(null=True, unique=True)),
                ("public_key", models.BinaryField(default=b"")),
                ("counter", models.BigIntegerField(default=0)),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("used_at", models.DateTimeField(null=True)),
                ("created_at", created()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "totp")), fields=("user",), name="accounts_authenticator_one_app"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("user", person("recovery_codes")),
                ("digest", models.CharField(max_length=64)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("user", "digest"), name="accounts_recovery_code_once")],
            },
        ),
        migrations.CreateModel(
            name="Identity",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("tenant", tenant()),
                ("issuer", models.CharField(max_length=500)),
                ("subject", models.CharField(max_length=255)),
                ("user", person()),
                ("created_at", created()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "issuer", "subject"), name="accounts_identity_once")
                ],
            },
        ),
        rls.force_row_security("accounts_identity"),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("tenant", tenant()),
                ("email", models.EmailField(blank=True, max_length=254)),
                ("role", models.CharField(choices=ROLES, max_length=16)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("created_at", created()),
                ("created_by", models.CharField(blank=True, max_length=255)),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
            ],
            options={"ordering": ["-created_at", "-id"]},
        ),
        rls.force_row_security("accounts_invitation"),
        migrations.CreateModel(
            name="PlatformEvent",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("at", created()),
                ("action", models.CharField(max_length=100)),
                ("actor", models.CharField(blank=True, max_length=30)),
                ("target", models.CharField(max_length=255)),
                ("detail", models.JSONField(default=dict)),
                ("request_id", models.CharField(blank=True, max_length=64)),
            ],
            options={"ordering": ["-id"]},
        ),
        rls.append_only("accounts_platformevent"),
    ]
