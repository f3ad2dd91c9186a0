"""Tenants, who belongs to them, and their data keys. `TenantModel` is the base of every tenant-owned table."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from tenants.context import OtherTenantError, require_tenant_id
from tenants.fields import IdField
from tenants.identifiers import ID_LENGTH
from tenants.managers import TenantManager, TenantsOwnManager


class Tenant(models.Model):
    """An organisation. Row-level security shows it only to itself; `lookups` finds it by its slug."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"
        DELETING = "deleting"

    id = IdField("ten")
    slug = models.CharField(max_length=50, unique=True)
    name = models.CharField(max_length=150)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    requires_second_factor = models.BooleanField(default=False)
    """Whether members who sign in with a password need a second factor before they may do anything here."""
    quotas = models.JSONField(default=dict, blank=True)
    """Limits that a platform administrator set for it, by name (`tenants.quotas`); the rest are the defaults."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TenantsOwnManager()

    def __str__(self) -> str:
        return self.slug


class TenantRow(models.Model):
    """What every row of a tenant does, whichever way its `tenant_id` column is declared."""

    tenant_id: str

    objects = TenantManager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.fill_in_tenant()
        super().save(*args, **kwargs)

    def fill_in_tenant(self) -> None:
        """A new row belongs to the current tenant; a row of another one cannot be saved here."""
        tenant_id = require_tenant_id(f"Rows of {self._meta.label}")
        if not self.tenant_id:
            self.tenant_id = tenant_id
        elif self.tenant_id != tenant_id:
            raise OtherTenantError(tenant_id, self.tenant_id)


class TenantModel(TenantRow):
    """Base of every table with tenants' rows. Its migration also calls `rls.force_row_security`."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", editable=False)

    class Meta:
        abstract = True


class Slug(TenantRow):
    """The reservation of a tenant's slug. It outlives the tenant: old URLs must never lead to someone else.

    Hence no foreign key, and the application's role can neither change nor delete a reservation.
    """

    slug = models.CharField(primary_key=True, max_length=50)
    tenant_id = models.CharField(max_length=ID_LENGTH)
    reserved_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.slug


class Membership(TenantModel):
    """A user's place in a tenant."""

    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        DEVELOPER = "developer"
        OPERATOR = "operator"
        VIEWER = "viewer"
        AUDITOR = "auditor"

    id = IdField("mem")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=16, choices=Role.choices)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "user"], name="tenants_membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} as {self.role}"


class TenantKey(TenantModel):
    """A tenant's data key, wrapped. The newest seals; older ones open what they sealed."""

    id = IdField("dek")
    wrapped = models.BinaryField()
    wrapped_by = models.CharField(max_length=16)
    """Which key-encryption key wrapped it (`envelope.kek_id`)."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.id


class PlatformKey(models.Model):
    """A data key of the installation itself, wrapped, for what belongs to people and to no tenant."""

    id = IdField("dek")
    wrapped = models.BinaryField()
    wrapped_by = models.CharField(max_length=16)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.id
