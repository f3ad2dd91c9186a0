"""A tenant's identity providers, what their rules gave to whom, and the last sign-ins step by step."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from tenants import datakeys
from tenants.envelope import Place
from tenants.fields import IdField
from tenants.models import TenantModel
from tenants.sealed import SealedRow


class Provider(SealedRow):
    """One provider of one tenant. What is sealed is the client's secret; empty where there is none."""

    id = IdField("idp")
    slug = models.CharField(max_length=50)
    """Its name in addresses, and so in the redirect URI that is registered at the provider."""
    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=100)
    """What the button says."""
    issuer = models.CharField(max_length=500)
    client_id = models.CharField(max_length=500, blank=True)
    fingerprint = models.CharField(max_length=16, blank=True)
    settings: models.JSONField[dict[str, str], dict[str, str]] = models.JSONField(default=dict)
    rules: models.JSONField[list[dict[str, str]], list[dict[str, str]]] = models.JSONField(default=list)
    """In order: `{"match": "domain"|"group"|"anyone", "value": …, "role": …}`. The first that fits counts."""
    trusts_email = models.BooleanField(default=False)
    """The tenant vouches that this provider verifies addresses, though its tokens do not say so."""
    counts_as_second_factor = models.BooleanField(default=False)
    required = models.BooleanField(default=False)
    """People of the tenant sign in by a required provider; with a password only its owners can."""
    enabled = models.BooleanField(default=False)
    tested = models.CharField(max_length=64, blank=True)
    """The digest of the configuration that passed the test."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["slug"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="providers_provider_slug_once"),
        ]

    def __str__(self) -> str:
        return self.slug

    def place(self) -> Place:
        """Its issuer is part of it: a secret that was given for one provider is never sent to another."""
        issuer = hashlib.sha256(self.issuer.encode()).hexdigest()
        return Place(self.tenant_id, "providers_provider", "sealed", f"{self.id}/{issuer}")

    def seal(self, plaintext: bytes) -> None:
        super().seal(plaintext)
        self.fingerprint = datakeys.fingerprint(plaintext) if plaintext else ""

    def secret(self) -> str:
        return self.unseal().decode()


class Standing(TenantModel):
    """What a provider's rules last gave to someone who signed in by it: a role that differs now was given by hand."""

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="standings")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    given_role = models.CharField(max_length=16, blank=True)
    last_used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "provider", "user"], name="providers_standing_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} as {self.given_role or 'nobody'}"


class Attempt(TenantModel):
    """A sign-in or a test, step by step, without secrets: what the debugger shows."""

    id = IdField("sia")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField(default=timezone.now, editable=False)
    is_test = models.BooleanField(default=False)
    succeeded = models.BooleanField(default=False)
    steps: models.JSONField[list[dict[str, Any]], list[dict[str, Any]]] = models.JSONField(default=list)
    claims: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{'Test' if self.is_test else 'Sign-in'} of {self.at:%Y-%m-%d %H:%M}"
