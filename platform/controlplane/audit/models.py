"""Who did what, to what, when. Rows are added and never changed: the database refuses it to the application."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from tenants.fields import IdField
from tenants.identifiers import ID_LENGTH
from tenants.models import TenantRow


class Entry(TenantRow):
    """One act. It names its tenant without a foreign key: the record outlives what it speaks of."""

    id = IdField("aud")
    tenant_id = models.CharField(max_length=ID_LENGTH)
    at = models.DateTimeField(default=timezone.now, editable=False)
    action = models.CharField(max_length=100)
    """A dotted name: `server.published`, `key.revoked`."""
    actor_kind = models.CharField(max_length=16)
    """As `Principal.kind`; `platform` when nobody asked for it."""
    actor = models.CharField(max_length=255, blank=True)
    """`Principal.subject`; empty for the platform."""
    target = models.CharField(max_length=255)
    """The identifier of what was acted on."""
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    """The target's state; None when there was none."""
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["tenant_id", "-id"], name="audit_entry_by_tenant"),
            models.Index(fields=["at"], name="audit_entry_by_age"),
        ]
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.action} on {self.target}"
