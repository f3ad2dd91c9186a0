"""What platform administrators do with tenants: make, suspend, limit and delete them.

They belong to no tenant by that and see nothing inside: only its name, its numbers and its state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.apps import apps
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import connection, transaction
from django.db.models import Q

from controlplane.accounts.models import User
from controlplane.accounts.platform_record import record
from controlplane.accounts.services import open_tenant
from controlplane.audit.services import record as audit
from tenants import lookups, quotas
from tenants.context import acting_for
from tenants.models import Membership, Slug, Tenant
from tenants.principal import Principal
from tenants.quotas import Quota
from tenants.roles import require
from tenants.signals import tenant_ending


class NotPlatformAdminError(Exception):
    def __init__(self) -> None:
        super().__init__("This is for platform administrators.")


class NotConfirmedError(ValueError):
    """A deletion has to name what it deletes."""

    def __init__(self) -> None:
        super().__init__("To delete a tenant, repeat its short name exactly.")


@dataclass(frozen=True, slots=True)
class TenantOverview:
    """A tenant as seen from outside."""

    id: str
    slug: str
    name: str
    status: str
    members: int
    limits: Mapping[Quota, int]


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a deletion takes with it, by kind of row."""

    slug: str
    rows: Mapping[str, int]
    done: bool


def overview(tenant_id: str) -> TenantOverview:
    with acting_for(tenant_id):
        tenant = Tenant.objects.get()
        count = Membership.objects.count()
        limits = quotas.limits_of(tenant)
    return TenantOverview(tenant.id, tenant.slug, tenant.name, tenant.status, count, limits)


def tenants(*, acting: User | None) -> list[TenantOverview]:
    """By name. Raises NotPlatformAdminError."""
    _require(acting)
    found = [overview(tenant_id) for tenant_id in lookups.all_tenant_ids()]
    return sorted(found, key=lambda tenant: tenant.slug)


@transaction.atomic
def create(slug: str, *, name: str, owner: User, acting: User | None) -> Tenant:
    """Raises NotPlatformAdminError and what `open_tenant` does."""
    _require(acting)
    tenant = open_tenant(slug, name=name, owner=owner)
    record("tenant.created", actor=acting, target=tenant.id, slug=slug, owner=owner.pk)
    return tenant


def set_suspended(tenant_id: str, suspended: bool, *, acting: User | None) -> None:
    """A suspended tenant serves nobody and is found by nobody; its rows stay. Raises NotPlatformAdminError."""
    _require(acting)
    with acting_for(tenant_id):
        before, after = Tenant.Status.ACTIVE, Tenant.Status.SUSPENDED
        if not suspended:
            before, after = after, before
        if Tenant.objects.filter(status=before).update(status=after):
            record(f"tenant.{'suspended' if suspended else 'resumed'}", actor=acting, target=tenant_id)


def set_limits(tenant_id: str, changes: Mapping[str, int | None], *, acting: User | None) -> dict[Quota, int]:
    """Raises NotPlatformAdminError, InvalidQuotaError."""
    _require(acting)
    with acting_for(tenant_id):
        limits = quotas.set_limits(changes)
        record("tenant.limits_changed", actor=acting, target=tenant_id, limits=dict(changes))
    return limits


def configure(*, name: str, requires_second_factor: bool, acting: Principal | None) -> Tenant:
    """A tenant's own settings. Inside `acting_for`. Raises NotPermittedError."""
    require(acting, "tenant:write")
    tenant = Tenant.objects.select_for_update().get()
    before = {"name": tenant.name, "requires_second_factor": tenant.requires_second_factor}
    tenant.name = name.strip()[:150] or tenant.slug
    tenant.requires_second_factor = requires_second_factor
    tenant.save(update_fields=["name", "requires_second_factor"])
    after = {"name": tenant.name, "requires_second_factor": tenant.requires_second_factor}
    audit("tenant.changed", tenant_id=tenant.id, acting=acting, target=tenant.id, before=before, after=after)
    return tenant


def preview_deletion(tenant_id: str) -> Deletion:
    """The dry run: how many rows of what would go."""
    with acting_for(tenant_id):
        slug = Tenant.objects.values_list("slug", flat=True).get()
        return Deletion(slug, _rows(), done=False)


def delete(tenant_id: str, *, confirmation: str, acting: User | None) -> Deletion:
    """End a tenant for ever: its rows, the accounts of its providers, what it left in Redis and its workers.

    The caller checked that the person may: a platform administrator, or a member with `tenant:delete`. What a
    transaction cannot take back (Redis, workers, files) goes after the commit. Raises NotConfirmedError.
    """
    with acting_for(tenant_id):
        tenant = Tenant.objects.select_for_update().get()
        if confirmation != tenant.slug:
            raise NotConfirmedError
        deletion = Deletion(tenant.slug, _rows(), done=True)
        tenant_ending.send(sender=Tenant, tenant_id=tenant_id, slug=tenant.slug)
        Tenant.objects.update(status=Tenant.Status.DELETING)
        with connection.cursor() as cursor:
            cursor.execute("SELECT public.tenants_erase(%s)", [tenant_id])
        User.objects.filter(home=tenant_id).delete()
        record("tenant.deleted", actor=acting, target=tenant_id, slug=tenant.slug, rows=dict(deletion.rows))
    return deletion


def _rows() -> dict[str, int]:
    """The current tenant's rows, by table; what has none is left out."""
    models = [
        model
        for model in apps.get_models()
        if model is not Slug and "tenant_id" in {field.attname for field in model._meta.concrete_fields}
    ]
    counts = {model._meta.label_lower: model._default_manager.count() for model in models}
    return {label: count for label, count in sorted(counts.items()) if count}


def _require(acting: User | None) -> None:
    """None is whoever runs commands on the machine."""
    if acting is not None and not (acting.is_platform_admin and acting.is_active):
        raise NotPlatformAdminError


def without_owner() -> list[str]:
    """Tenants none of whose owners can sign in, such as the demo's at first."""
    return [tenant_id for tenant_id in lookups.all_tenant_ids() if not _has_owner_who_can_sign_in(tenant_id)]


def _has_owner_who_can_sign_in(tenant_id: str) -> bool:
    with acting_for(tenant_id):
        can = ~Q(user__password__startswith=UNUSABLE_PASSWORD_PREFIX) | ~Q(user__home="")
        return Membership.objects.filter(can, role="owner", user__is_active=True).exists()
