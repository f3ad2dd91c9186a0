"""Invitations into a tenant: a link that works once, for a while, and for one address when one was given.

Everything but `read` runs inside `acting_for`. Of the link's secret only a digest is kept; the tenant's name stands in
the link, so that it can be looked up behind the tenant's wall.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from controlplane.accounts import mail
from controlplane.accounts.errors import (
    InvalidAccountError,
    InvitationNotFoundError,
    InvitationNotYoursError,
)
from controlplane.accounts.models import Invitation, User
from controlplane.accounts.services import add_member, create_user, may_give
from controlplane.audit.services import record
from tenants import lookups, quotas
from tenants.context import acting_for, require_tenant_id
from tenants.models import Membership
from tenants.principal import Principal
from tenants.roles import Role, require

DAYS: Final = 7
MOST_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class NewInvitation:
    invitation: Invitation
    url: str
    """Shown once: the secret in it is not kept."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What whoever has the link may know."""

    tenant: lookups.TenantSummary
    role: str
    email: str


def invite(slug: str, role: Role, *, email: str = "", days: int = DAYS, acting: Principal | None) -> NewInvitation:
    """The link is mailed to the address, where there is one and mail can be sent.

    Raises NotPermittedError, InvalidRoleError, InvalidAccountError, QuotaExceededError.
    """
    may_give(role, acting)
    if not 1 <= days <= MOST_DAYS:
        raise InvalidAccountError(f"An invitation is good for 1 to {MOST_DAYS} days.")
    email = email.strip().lower()
    if email:
        try:
            validate_email(email)
        except ValidationError:
            raise InvalidAccountError(f"{email[:100]!r} is no e-mail address.") from None
    quotas.check("members", Membership.objects.count() + open_invitations().count())
    secret = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        email=email,
        role=role,
        digest=_digest(secret),
        created_by=acting.subject if acting else "",
        expires_at=timezone.now() + timedelta(days=days),
    )
    _record("invitation.created", invitation, acting)
    made = NewInvitation(invitation, settings.STOA_PUBLIC_URL + reverse("join", args=(slug, secret)))
    if email:
        # Not by a task: its arguments would keep the link's secret in Redis.
        transaction.on_commit(partial(_send, made, slug, _name_of(acting, slug)))
    return made


def open_invitations() -> QuerySet[Invitation]:
    """Those that can still be accepted."""
    return Invitation.objects.filter(accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())


def withdraw(invitation_id: str, *, acting: Principal | None) -> None:
    """Raises NotPermittedError, InvitationNotFoundError."""
    require(acting, "members:write")
    withdrawn = open_invitations().filter(pk=invitation_id).update(revoked_at=timezone.now())
    if not withdrawn:
        raise InvitationNotFoundError
    record("invitation.withdrawn", tenant_id=require_tenant_id(), acting=acting, target=invitation_id)


def read(slug: str, secret: str) -> Offer:
    """What a link offers. Raises InvitationNotFoundError: for a wrong name, a wrong secret and a used one alike."""
    tenant = lookups.tenant_by_slug(slug)
    if tenant is None or not tenant.active:
        raise InvitationNotFoundError
    with acting_for(tenant.id):
        invitation = open_invitations().filter(digest=_digest(secret)).first()
        if invitation is None:
            raise InvitationNotFoundError
        return Offer(tenant, invitation.role, invitation.email)


def accept(slug: str, secret: str, user: User) -> Membership:
    """The person takes the place. Raises InvitationNotFoundError, InvitationNotYoursError, AlreadyMemberError."""
    offer = read(slug, secret)
    with acting_for(offer.tenant.id):
        invitation = open_invitations().select_for_update().filter(digest=_digest(secret)).first()
        if invitation is None:
            raise InvitationNotFoundError
        if invitation.email and invitation.email != user.email:
            raise InvitationNotYoursError
        membership = add_member(user, cast("Role", invitation.role), acting=None)
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
        record(
            "invitation.accepted",
            tenant_id=offer.tenant.id,
            acting=None,
            target=invitation.pk,
            after={"user": user.pk, "role": invitation.role},
        )
    return membership


@transaction.atomic
def accept_as_new_person(slug: str, secret: str, *, email: str, password: str, name: str = "") -> User:
    """An account and the place at once, or neither. Raises as `accept`, and django's ValidationError."""
    offer = read(slug, secret)
    user = create_user(offer.email or email, password=password, name=name)
    accept(slug, secret, user)
    return user


def _send(made: NewInvitation, slug: str, who: str) -> None:
    mail.send(
        made.invitation.email,
        f"Join {slug}",
        f"{who} invites you to {slug} as {made.invitation.role}. To accept, open this before "
        f"{made.invitation.expires_at:%Y-%m-%d}:",
        made.url,
    )


def _name_of(acting: Principal | None, slug: str) -> str:
    """Of the person who invites, whose key that is; of the tenant when it is nobody's."""
    user = User.objects.filter(pk=acting.subject).first() if acting else None
    return (user.name or user.email) if user else f"An administrator of {slug}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _record(action: str, invitation: Invitation, acting: Principal | None) -> None:
    record(
        action,
        tenant_id=require_tenant_id(),
        acting=acting,
        target=invitation.pk,
        after={"email": invitation.email, "role": invitation.role},
    )
