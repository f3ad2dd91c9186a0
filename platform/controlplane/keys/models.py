"""API keys. The table knows a key's digest; the key itself was shown once."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.utils import timezone

from tenants.fields import IdField
from tenants.identifiers import ID_LENGTH
from tenants.models import TenantModel


class ApiKey(TenantModel):
    """A credential of the tenant, or of one member, for MCP clients and for the management API."""

    id = IdField("key")
    name = models.CharField(max_length=100)
    lookup = models.CharField(max_length=8, unique=True)
    """The key's public part: it selects the row and is what people recognise the key by."""
    digest = models.BinaryField()
    """SHA-256 of the secret part. The secret has 256 random bits, so a slow hash would add nothing."""
    scopes = models.JSONField()
    """Permissions of `tenants.roles`, as a sorted list."""
    audience = models.CharField(max_length=30, default="*")
    """The one endpoint it is good for (`ep_…`), or `*` for all of the tenant's."""
    owner = models.CharField(max_length=ID_LENGTH, blank=True, default="")
    """The member whose personal key it is: it acts as them, may no more than they may now, and ends with their
    membership. Empty for a key of the tenant, which acts as itself."""
    only = models.JSONField(default=list, blank=True)
    """Patterns of the tools, prompts and resources it is for (`mcp_runtime.authorization.rights`); empty is all."""
    networks = models.JSONField(default=list, blank=True)
    """CIDR blocks in which it may be used; empty is anywhere."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=255, blank=True)
    """`Principal.subject`; empty for the platform."""
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    """Right to about a minute."""
    last_refused_at = models.DateTimeField(null=True, blank=True)
    """When someone last tried it in vain; the audit record says why. Right to about a minute."""
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-created_at"], name="keys_apikey_by_tenant"),
            models.Index(fields=["tenant", "owner"], name="keys_apikey_by_owner"),
        ]
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} (stoa_{self.lookup}…)"

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)
