"""People whom a tenant's identity provider vouches for.

Call everything here inside `acting_for` the provider's tenant. An account is found by (issuer, subject) and never by
an address: whoever controls a provider can put any address into its answers. For the same reason such an account has
the tenant as its home and can belong to no other, and an account with a password cannot be joined to a provider: that
would let one tenant's provider open all the places that its owner has elsewhere.
"""

from __future__ import annotations

from typing import cast

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone

from controlplane.accounts.errors import AccountClosedError, InvalidIdentityError
from controlplane.accounts.models import Identity, User
from controlplane.accounts.services import add_member
from controlplane.audit.services import record
from tenants.context import require_tenant_id
from tenants.models import Membership
from tenants.roles import Role


def person_at(issuer: str, subject: str, *, email: str, name: str = "", email_verified: bool = False) -> User:
    """The account of a provider's subject; made when it comes for the first time, brought up to date when it returns.

    Raises AccountClosedError, InvalidIdentityError.
    """
    if not issuer or not 0 < len(subject) <= 255:
        raise InvalidIdentityError("The provider named no subject, or one of more than 255 characters.")
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise InvalidIdentityError("The provider gave no valid e-mail address for the person.") from None

    known = Identity.objects.select_related("user").filter(issuer=issuer, subject=subject).first()
    if known is None:
        return _new_person(issuer, subject, email=email, name=name, verified=email_verified)
    user = known.user
    if not user.is_active:
        raise AccountClosedError
    user.email, user.name = email, name[:150] or user.name
    user.email_verified_at = timezone.now() if email_verified else None
    user.save(update_fields=["email", "name", "email_verified_at"])
    return user


def admit(user: User, role: Role) -> Membership:
    """The person's place in the tenant; with this role when they had none. Another role is `services.change_role`'s."""
    existing = Membership.objects.filter(user=user).first()
    return existing or add_member(user, role, acting=None)


def role_of(user: User) -> Role | None:
    """The role that the person has in the tenant."""
    return cast("Role | None", Membership.objects.filter(user=user).values_list("role", flat=True).first())


def _new_person(issuer: str, subject: str, *, email: str, name: str, verified: bool) -> User:
    tenant_id = require_tenant_id("Identities")
    user = User(email=email, name=name[:150], home=tenant_id, email_verified_at=timezone.now() if verified else None)
    user.set_unusable_password()
    user.save()
    identity = Identity.objects.create(issuer=issuer, subject=subject, user=user)
    record("identity.created", tenant_id=tenant_id, acting=None, target=identity.pk, after={"user": user.pk})
    return user
