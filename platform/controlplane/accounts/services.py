"""People and their places in tenants. Every change says who made it; None is the platform itself."""

from __future__ import annotations

from typing import cast

from django.db import transaction

from controlplane.accounts import conditions
from controlplane.accounts.errors import (
    AlreadyMemberError,
    InvalidRoleError,
    LastOwnerError,
    MemberNotFoundError,
    OtherHomeError,
)
from controlplane.accounts.models import Authenticator, User
from controlplane.audit.services import record
from tenants import lookups, quotas
from tenants.context import acting_for, require_tenant_id
from tenants.models import Membership, Tenant
from tenants.principal import Principal
from tenants.roles import PERMISSIONS_OF, ROLES, NotPermittedError, Role, require
from tenants.services import create_tenant

ISSUER = "stoa:accounts"
"""Vouches for people who signed in here, as the issuer of their principals."""


def create_user(email: str, *, password: str | None = None, name: str = "") -> User:
    """Raises django's ValidationError for a malformed address or one that has an account."""
    return User.objects.create_user(email, password, name=name)


@transaction.atomic
def open_tenant(slug: str, *, name: str = "", owner: User) -> Tenant:
    """A new tenant with its first owner. Raises what `tenants.services.create_tenant` does."""
    tenant = create_tenant(slug, name=name)
    with acting_for(tenant.id):
        record("tenant.created", tenant_id=tenant.id, acting=None, target=tenant.id, after={"slug": slug})
        add_member(owner, "owner", acting=None)
    return tenant


def create_user_in(tenant_id: str, email: str, role: Role, *, password: str | None = None) -> User:
    """A new user who is a member at once: both or neither. For the platform: seeds, commands, tests."""
    with acting_for(tenant_id):
        user = create_user(email, password=password)
        add_member(user, role, acting=None)
    return user


def add_member(user: User, role: Role, *, acting: Principal | None) -> Membership:
    """Inside `acting_for`. Raises NotPermittedError, AlreadyMemberError, OtherHomeError."""
    may_give(role, acting)
    if user.home not in ("", require_tenant_id()):
        raise OtherHomeError
    if Membership.objects.filter(user=user).exists():
        raise AlreadyMemberError(user.email)
    quotas.check("members", Membership.objects.count())
    membership = Membership.objects.create(user=user, role=role)
    _record("member.added", membership, acting, before=None, after=role)
    return membership


def change_role(membership_id: str, role: Role, *, acting: Principal | None) -> Membership:
    """Inside `acting_for`. Raises NotPermittedError, MemberNotFoundError, LastOwnerError."""
    may_give(role, acting)
    membership = _lock_member(membership_id)
    before = cast("Role", membership.role)
    may_give(before, acting)
    if before == "owner" and role != "owner":
        _keep_an_owner(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    _record("member.changed", membership, acting, before=before, after=role)
    return membership


def remove_member(membership_id: str, *, acting: Principal | None) -> None:
    """Inside `acting_for`. Raises NotPermittedError, MemberNotFoundError, LastOwnerError."""
    membership = _lock_member(membership_id)
    may_give(cast("Role", membership.role), acting)
    _end(membership, acting)


def leave(*, acting: Principal) -> None:
    """A member gives up their own place, whatever their role. Inside `acting_for`. Raises as `remove_member` does."""
    membership = Membership.objects.select_for_update().filter(user_id=acting.subject).first()
    if membership is None or acting.kind != "user":
        raise MemberNotFoundError(acting.subject)
    _end(membership, acting)


def members() -> list[Membership]:
    """Inside `acting_for`; owners first, then by address."""
    found = Membership.objects.select_related("user").order_by("user__email", "pk")
    return sorted(found, key=lambda one: ROLES.index(cast("Role", one.role)))


def principal_of(user: User, tenant_slug: str) -> Principal | None:
    """The user as they act there, with what their role permits; None for outsiders and unknown tenants alike.

    None also for a member without the second factor that the tenant wants: the first page tells them.
    """
    if not user.is_active:
        return None
    for membership in lookups.tenants_of_user(user.pk):
        if membership.tenant.slug == tenant_slug and membership.tenant.active:
            if lacks_second_factor(user, membership) or not conditions.hold(user, membership):
                return None
            return Principal(
                tenant=membership.tenant.id,
                issuer=ISSUER,
                subject=user.pk,
                kind="user",
                client_id="dashboard",
                scopes=PERMISSIONS_OF[membership.role],
                roles=frozenset({membership.role}),
                audience="*",
            )
    return None


def lacks_second_factor(user: User, place: lookups.TenantOfUser) -> bool:
    """Whether the tenant wants a second factor that the person has not set up.

    Whoever has one is asked for it at every sign-in, so having one is having shown it. For an account of the tenant's
    own provider, that provider decides how people prove who they are.
    """
    if not place.requires_second_factor or user.home:
        return False
    return not Authenticator.objects.filter(user=user, confirmed_at__isnull=False).exists()


def may_give(role: str, acting: Principal | None) -> None:
    """Members are managed with `members:write`; a role with permissions that one lacks is not one's to give or take."""
    if role not in ROLES:
        raise InvalidRoleError(role)
    require(acting, "members:write")
    if acting is not None and not PERMISSIONS_OF[role] <= acting.scopes:
        lacking = sorted(PERMISSIONS_OF[role] - acting.scopes)
        raise NotPermittedError(lacking[0])


def _end(membership: Membership, acting: Principal | None) -> None:
    """An account of the tenant's own provider stays: the provider would only bring it back, and its rules decide."""
    if membership.role == "owner":
        _keep_an_owner(membership)
    _record("member.removed", membership, acting, before=membership.role, after=None)
    membership.delete()


def _lock_member(membership_id: str) -> Membership:
    membership = Membership.objects.select_for_update().filter(pk=membership_id).first()
    if membership is None:
        raise MemberNotFoundError(membership_id)
    return membership


def _keep_an_owner(leaving: Membership) -> None:
    """Two owners who demote each other at once would both see the other stay: so all owners' rows are locked, in one
    order, before they are counted."""
    owners = Membership.objects.select_for_update().filter(role="owner").order_by("pk").values_list("pk", flat=True)
    if set(owners) <= {leaving.pk}:
        raise LastOwnerError


def _record(
    action: str, membership: Membership, acting: Principal | None, *, before: str | None, after: str | None
) -> None:
    record(
        action,
        tenant_id=require_tenant_id(),
        acting=acting,
        target=membership.pk,
        before=None if before is None else {"user": membership.user_id, "role": before},
        after=None if after is None else {"user": membership.user_id, "role": after},
    )
