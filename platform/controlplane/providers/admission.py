"""Who may come in, and as what: a provider's rules, asked at each sign-in.

The first rule that fits gives the role. A domain counts only when the provider verified the address. Rules change what
rules gave: a role that was set by hand stays as it is.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

from django.utils import timezone

from controlplane.accounts import identities
from controlplane.accounts.errors import AccountClosedError, InvalidIdentityError, LastOwnerError
from controlplane.accounts.models import Identity, User
from controlplane.accounts.services import change_role, remove_member
from controlplane.providers.errors import ProviderNotFound, SignInRefused
from controlplane.providers.models import Provider, Standing
from controlplane.providers.people import Person
from tenants.models import Membership
from tenants.roles import Role


class NotAdmitted(SignInRefused):
    def __init__(self, person: Person) -> None:
        super().__init__(
            f"{person.email or 'This person'} may not sign in here.",
            "No rule of this provider lets you in. Ask an admin of the tenant to add your domain or group.",
        )


def role_for(provider: Provider, person: Person) -> Role | None:
    """Raises SignInRefused when it cannot be known: rules ask for groups, and the provider left them out."""
    domain = person.email.rpartition("@")[2].lower() if person.email_verified else ""
    for rule in provider.rules:
        if rule["match"] == "group" and not person.groups_known:
            raise SignInRefused(
                "You are in more groups than your provider lists in a token, so it cannot be told whether you may in.",
                "Ask whoever runs the provider to send only the groups that are assigned to this application.",
            )
        if (
            rule["match"] == "anyone"
            or (rule["match"] == "domain" and domain and domain == rule["value"].lower())
            or (rule["match"] == "group" and rule["value"] in person.groups)
        ):
            return cast("Role", rule["role"])
    return None


def admit(provider: Provider, person: Person, *, now: datetime | None = None) -> User:
    """The person's account, with the place that the rules give. Inside `acting_for`.

    A place that rules gave and no longer give is taken away, with all its logins. That is to be kept, so being let in
    nowhere is no exception here: the caller looks whether the user has a place.
    """
    if not Provider.objects.select_for_update().filter(pk=provider.pk).exists():
        raise ProviderNotFound(provider.slug)  # deleted during the sign-in
    role = role_for(provider, person)
    if role is None and not Identity.objects.filter(issuer=person.issuer, subject=person.subject).exists():
        raise NotAdmitted(person)  # a stranger leaves no account behind
    try:
        user = identities.person_at(
            person.issuer,
            person.subject,
            email=person.email,
            name=person.name,
            email_verified=person.email_verified,
        )
    except AccountClosedError as error:
        raise SignInRefused(str(error), "Ask an admin of your tenant.") from error
    except InvalidIdentityError as error:
        raise SignInRefused(str(error), "Ask whoever runs the provider to send your e-mail address.") from error
    standing, _ = Standing.objects.select_for_update().get_or_create(provider=provider, user=user)
    membership = Membership.objects.filter(user=user).first()
    if membership is None:
        if role is not None:
            identities.admit(user, role)
    elif membership.role == standing.given_role and membership.role != role:
        _follow(membership, role)
    standing.given_role = role or ""
    standing.last_used_at = now or timezone.now()
    standing.save(update_fields=["given_role", "last_used_at"])
    return user


def _follow(membership: Membership, role: Role | None) -> None:
    try:
        if role is None:
            remove_member(membership.pk, acting=None)
        else:
            change_role(membership.pk, role, acting=None)
    except LastOwnerError as error:
        raise SignInRefused(
            "You are the last owner here, and the rules of your provider no longer make you one.",
            "Make someone else an owner, or change the rules.",
        ) from error
