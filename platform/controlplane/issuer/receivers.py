"""What the issuer does when people leave: their logins end with their membership, and with their account."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from controlplane.accounts.models import User
from controlplane.issuer.logins import revoke_grants, tell_gateways
from controlplane.issuer.models import Consent, Grant
from tenants import lookups
from tenants.context import acting_for
from tenants.models import Membership


@receiver(post_delete, sender=Membership)
def end_logins_of_a_member(instance: Membership, **unused: Any) -> None:
    _end(instance.tenant_id, instance.user_id)


@receiver(post_save, sender=Membership)
def end_logins_under_another_role(instance: Membership, created: bool, **unused: Any) -> None:
    """Tokens name roles and carry what the role permits: with another role the client logs in again."""
    if not created:
        _end(instance.tenant_id, instance.user_id)


@receiver(post_save, sender=User)
def end_logins_of_a_closed_account(instance: User, created: bool, **unused: Any) -> None:
    if created or instance.is_active:
        return
    for place in lookups.tenants_of_user(instance.pk):
        _end(place.tenant.id, instance.pk)


@receiver(post_delete, sender=Grant)
def end_a_login_that_is_deleted(instance: Grant, **unused: Any) -> None:
    """With its client, its endpoint or its person. Its tokens are still out there for some minutes."""
    if instance.revoked_at is None:
        tell_gateways(instance)


def _end(tenant_id: str, user_id: str) -> None:
    with acting_for(tenant_id):
        Consent.objects.filter(user_id=user_id).delete()
        revoke_grants(Grant.objects.filter(user_id=user_id), because="membership", acting=None)
