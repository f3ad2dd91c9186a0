"""Servers' environment variables, sealed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from tenants import datakeys
from tenants.envelope import Place
from tenants.fields import IdField
from tenants.identifiers import ID_LENGTH
from tenants.sealed import SealedRow


class Secret(SealedRow):
    """One environment variable of one server. The value is readable only by opening `sealed` in its own row."""

    id = IdField("sec")
    server_id = models.CharField(max_length=ID_LENGTH)
    name = models.CharField(max_length=128)
    fingerprint = models.CharField(max_length=16)
    """Tells whether two values of this tenant are the same, and nothing about either. Another one after the tenant's
    data key was changed."""
    updated_at = models.DateTimeField(default=timezone.now)
    updated_by = models.CharField(max_length=255, blank=True)
    """`Principal.subject`; empty for the platform."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "server_id", "name"], name="vault_secret_name_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.server_id}"

    def place(self) -> Place:
        """Its server and name are part of it: under another name, or for another server, it does not open."""
        return Place(self.tenant_id, "vault_secret", "sealed", f"{self.id}/{self.server_id}/{self.name}")

    def seal(self, plaintext: bytes) -> None:
        super().seal(plaintext)
        self.fingerprint = datakeys.fingerprint(plaintext)
