"""From a presented key to the principal behind it."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from typing import Final, cast

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from controlplane.audit.services import record
from controlplane.keys import tokens
from controlplane.keys.models import ApiKey
from mcp_runtime.authorization.rights import is_within
from tenants.context import acting_for
from tenants.lookups import TenantSummary
from tenants.models import Membership
from tenants.principal import Principal
from tenants.roles import PERMISSIONS_OF, Role

ISSUER: Final = "stoa:keys"
USED_EVERY = timedelta(minutes=1)
"""How exact `last_used_at` is: a key in constant use writes its row this often, not at every request."""


def principal_for(token: str, tenant_slug: str | None = None) -> Principal | None:
    """The principal of a key; None if malformed, unknown, expired, revoked, or of another tenant than the one named.

    Without a tenant's slug (the management API's own paths) the key itself says whose it is. Where the key may be used
    (`Principal.networks`) is for the caller to check: the answer is kept for longer than one request.
    """
    presented = tokens.parse(token)
    if presented is None:
        return None
    tenant = _tenant_of(presented.lookup)
    if tenant is None or not tenant.active:
        return None

    with acting_for(tenant.id):
        key = ApiKey.objects.filter(lookup=presented.lookup).first()
        if key is None:
            return None
        now = timezone.now()
        member = _member(key)
        fault = _fault(key, presented, now, elsewhere=tenant_slug not in (None, tenant.slug))
        if fault is None and key.owner and member is None:
            fault = "ownerless"
        if fault is not None:
            _note_refusal(key, fault, now)
            return None
        _note_use(key, now)
    return _principal(key, member)


def principal_at(address: str, token: str) -> Principal | None:
    """The same for a request of the management API that came from there."""
    principal = principal_for(token)
    if principal is None or not principal.networks or is_within(address, principal.networks):
        return principal
    refuse(principal, "address")
    return None


def refuse(principal: Principal, fault: str) -> None:
    """Put on record that a sound key was used where it does not count."""
    with acting_for(principal.tenant):
        key = ApiKey.objects.filter(pk=principal.client_id).first()
        if key is not None:
            _note_refusal(key, fault, timezone.now())


def _tenant_of(lookup: str) -> TenantSummary | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM public.keys_tenant(%s)", [lookup])
        row = cursor.fetchone()
    return TenantSummary(*row) if row else None


def _fault(key: ApiKey, presented: tokens.Token, now: datetime, *, elsewhere: bool) -> str | None:
    """Why the key does not count, None when it does. The secret comes first: who lacks it is told nothing else."""
    if not hmac.compare_digest(bytes(key.digest), presented.digest):
        return "mismatch"
    if key.revoked_at is not None:
        return "revoked"
    if not key.is_valid(now):
        return "expired"
    return "elsewhere" if elsewhere else None


def _note_refusal(key: ApiKey, fault: str, now: datetime) -> None:
    """On record once a minute: a program that goes on with an old key, or someone who guesses, would fill it."""
    quiet_since = now - USED_EVERY
    unseen = Q(last_refused_at=None) | Q(last_refused_at__lt=quiet_since)
    if ApiKey.objects.filter(unseen, pk=key.pk).update(last_refused_at=now):
        record(f"key.refused.{fault}", tenant_id=key.tenant_id, acting=None, target=key.id)


def _note_use(key: ApiKey, now: datetime) -> None:
    """Two gateways may see the same stale time: the condition is asked again in the row, so one of them writes."""
    stale = now - USED_EVERY
    if key.last_used_at is None or key.last_used_at < stale:
        unseen = Q(last_used_at=None) | Q(last_used_at__lt=stale)
        ApiKey.objects.filter(unseen, pk=key.pk).update(last_used_at=now)


def _member(key: ApiKey) -> Membership | None:
    """Whose key it is, as long as they belong here and may sign in."""
    if not key.owner:
        return None
    return Membership.objects.filter(user_id=key.owner, user__is_active=True).first()


def _principal(key: ApiKey, member: Membership | None) -> Principal:
    scopes = frozenset(key.scopes)
    if member:
        scopes &= PERMISSIONS_OF[cast("Role", member.role)]
    return Principal(
        tenant=key.tenant_id,
        issuer=ISSUER,
        subject=key.owner or key.id,
        kind="user" if member else "api_key",
        client_id=key.id,
        scopes=scopes,
        roles=frozenset({member.role}) if member else frozenset(),
        audience=key.audience,
        only=frozenset(key.only),
        networks=tuple(key.networks),
    )
