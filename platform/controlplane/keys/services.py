"""Making, listing and revoking the current tenant's keys. Call inside `acting_for`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from controlplane.announcements import KEYS, announce_on_commit
from controlplane.audit.services import record
from controlplane.keys import tokens
from controlplane.keys.models import ApiKey
from tenants.context import require_tenant_id
from tenants.identifiers import is_id
from tenants.principal import Principal
from tenants.roles import PERMISSIONS, NotPermittedError, require


class InvalidKeyError(ValueError):
    """What was asked for cannot be a key; the message says which part."""


class KeyNotFoundError(LookupError):
    def __init__(self, key_id: str) -> None:
        super().__init__(f"This tenant has no key {key_id[:60]!r}.")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at the one moment when it can be shown."""

    key: ApiKey
    token: str = field(repr=False)


def create_key(
    name: str,
    *,
    scopes: Collection[str],
    acting: Principal | None,
    expires_at: datetime | None = None,
    audience: str = "*",
) -> NewKey:
    """A new key, with no permission that its maker lacks. Raises InvalidKeyError, NotPermittedError."""
    require(acting, "keys:write")
    _check(name, scopes, expires_at, audience)
    for scope in sorted(scopes):
        require(acting, scope)
    if acting is not None and acting.audience not in ("*", audience):
        raise NotPermittedError("keys:write")  # a key for one endpoint makes no key for another

    token = tokens.new_token()
    key = ApiKey(
        name=name.strip(),
        lookup=token.lookup,
        digest=token.digest,
        scopes=sorted(scopes),
        audience=audience,
        expires_at=expires_at,
        created_by=acting.subject if acting else "",
    )
    try:
        with transaction.atomic():
            key.save()
    except IntegrityError:  # one in 10^12: another key has these 40 bits as its lookup part
        token = tokens.new_token()
        key.lookup, key.digest = token.lookup, token.digest
        key.save()
    record("key.created", tenant_id=key.tenant_id, acting=acting, target=key.id, after=_state(key))
    return NewKey(key, token.reveal())


def revoke_key(key_id: str, *, acting: Principal | None) -> ApiKey:
    """From the commit on no new request passes; gateways forget the key within moments. Raises KeyNotFoundError.

    Revoking again changes nothing.
    """
    require(acting, "keys:write")
    key = ApiKey.objects.select_for_update().filter(pk=key_id).first()
    if key is None:
        raise KeyNotFoundError(key_id)
    if key.revoked_at is None:
        before = _state(key)
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        record("key.revoked", tenant_id=key.tenant_id, acting=acting, target=key.id, before=before, after=_state(key))
        announce_on_commit(KEYS, key.id)
    return key


def rotate_key(key_id: str, *, overlap: timedelta, acting: Principal | None) -> NewKey:
    """A new key that may do the same for as long; the old one ends after the overlap, or when it would have anyway.

    Raises KeyNotFoundError, InvalidKeyError for a key that is over, NotPermittedError.
    """
    require(acting, "keys:write")
    old = ApiKey.objects.select_for_update().filter(pk=key_id).first()
    if old is None:
        raise KeyNotFoundError(key_id)
    now = timezone.now()
    if not old.is_valid(now):
        raise InvalidKeyError("The key is revoked or expired: make a new one instead.")
    lifetime = None if old.expires_at is None else old.expires_at - old.created_at
    made = create_key(
        old.name,
        scopes=old.scopes,
        audience=old.audience,
        expires_at=None if lifetime is None else now + lifetime,
        acting=acting,
    )
    if not overlap:
        revoke_key(old.id, acting=acting)
        return made
    before = _state(old)
    old.expires_at = min(now + overlap, old.expires_at or now + overlap)
    old.save(update_fields=["expires_at"])
    record("key.rotated", tenant_id=old.tenant_id, acting=acting, target=old.id, before=before, after=_state(old))
    return made


def revoke_all(*, acting: Principal | None) -> int:
    """Every key of the tenant, the caller's own too: for an incident. How many still worked."""
    require(acting, "tenant:write")
    require_tenant_id("Keys")
    working = ApiKey.objects.filter(revoked_at=None).order_by("pk").values_list("pk", flat=True)
    for key_id in list(working):
        revoke_key(key_id, acting=acting)
    return len(working)


def list_keys(*, acting: Principal | None) -> list[ApiKey]:
    """Newest first, the revoked ones too."""
    require(acting, "keys:read")
    require_tenant_id("Keys")
    return list(ApiKey.objects.all())


def _check(name: str, scopes: Collection[str], expires_at: datetime | None, audience: str) -> None:
    if not 1 <= len(name.strip()) <= 100:
        raise InvalidKeyError("A key needs a name of 1 to 100 characters, to recognise it by.")
    unknown = sorted(set(scopes) - PERMISSIONS)
    if unknown:
        raise InvalidKeyError(f"There is no scope {unknown[0]!r}. Scopes: {', '.join(sorted(PERMISSIONS))}.")
    if not scopes:
        raise InvalidKeyError(f"A key needs at least one scope, of: {', '.join(sorted(PERMISSIONS))}.")
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidKeyError("The key would expire before it exists: give a time in the future, or none.")
    if audience != "*" and not is_id(audience, "ep"):
        raise InvalidKeyError("A key is good for one endpoint, ep_…, or for all with '*'.")


def _state(key: ApiKey) -> dict[str, object]:
    return {
        "name": key.name,
        "scopes": key.scopes,
        "audience": key.audience,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }
