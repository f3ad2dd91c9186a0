"""Servers' environment variables, sealed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from tenants.fields import IdField
from tenants.identifiers import ID_LENGTH
from tenants.models import TenantModel


class Secret(TenantModel):
    """One environment variable of one server. The value is readable only by opening `sealed` in its own row."""

    id = IdField("sec")
    server_id = models.CharField(max_length=ID_LENGTH)
    name = models.CharField(max_length=128)
    sealed = models.BinaryField()
    fingerprint = models.CharField(max_length=16)
    """Tells whether two values of this tenant are the same, and nothing about either."""
    updated_at = models.DateTimeField(default=timezone.now)
    updated_by = models.CharField(max_length=255, blank=True)
    """`Principal.subject`; empty for the platform."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "server_id", "name"], name="vault_secret_name_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.server_id}"
