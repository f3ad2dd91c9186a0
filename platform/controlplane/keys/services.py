"""Making, listing and revoking the current tenant's keys. Call inside `acting_for`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_network

from django.db import IntegrityError, transaction
from django.utils import timezone

from controlplane.announcements import KEYS, announce_on_commit
from controlplane.audit.services import record
from controlplane.keys import tokens
from controlplane.keys.models import ApiKey
from mcp_runtime.authorization.rights import MAX_PATTERNS, PatternError, Rights
from tenants import quotas
from tenants.context import require_tenant_id
from tenants.identifiers import is_id
from tenants.principal import Principal
from tenants.roles import PERMISSIONS, NotPermittedError, require

MAX_NETWORKS = 50


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
    only: Collection[str] = (),
    networks: Collection[str] = (),
) -> NewKey:
    """A new key of the tenant, with no permission that its maker lacks. Raises InvalidKeyError, NotPermittedError."""
    require(acting, "keys:write")
    return _make(name, scopes, expires_at, audience, only, networks, owner="", acting=acting)


def create_personal_key(
    name: str,
    *,
    scopes: Collection[str],
    acting: Principal,
    expires_at: datetime | None = None,
    audience: str = "*",
    only: Collection[str] = (),
    networks: Collection[str] = (),
) -> NewKey:
    """A key that acts as its maker, for as long as they are a member. Raises InvalidKeyError, NotPermittedError."""
    require(acting, "mcp:call")
    if acting.kind != "user":
        raise InvalidKeyError("A personal key belongs to a member: sign in, or use `stoa login`, and make it then.")
    return _make(name, scopes, expires_at, audience, only, networks, owner=acting.subject, acting=acting)


def _make(
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None,
    audience: str,
    only: Collection[str],
    networks: Collection[str],
    *,
    owner: str,
    acting: Principal | None,
) -> NewKey:
    _check(name, scopes, expires_at, audience, only)
    for scope in sorted(scopes):
        require(acting, scope)
    if acting is not None and (
        acting.audience not in ("*", audience)  # a key for one endpoint makes no key for another
        or (acting.only and not (only and acting.only.issuperset(only)))  # nor one for more of it
    ):
        raise NotPermittedError("keys:write")

    quotas.check("keys", count_unrevoked())
    token = tokens.new_token()
    key = ApiKey(
        name=name.strip(),
        lookup=token.lookup,
        digest=token.digest,
        scopes=sorted(scopes),
        audience=audience,
        expires_at=expires_at,
        owner=owner,
        only=sorted(set(only)),
        networks=_normal(networks),
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
    return _revoke(_locked(key_id, owner=None), acting)


def revoke_personal_key(key_id: str, *, acting: Principal) -> ApiKey:
    """The same for a key of the caller's own."""
    require(acting, "mcp:call")
    return _revoke(_locked(key_id, owner=acting.subject), acting)


def _locked(key_id: str, *, owner: str | None) -> ApiKey:
    """Raises KeyNotFoundError, also for a key that is somebody else's."""
    keys = ApiKey.objects.select_for_update().filter(pk=key_id)
    key = keys.first() if owner is None else keys.filter(owner=owner or "-").first()
    if key is None:
        raise KeyNotFoundError(key_id)
    return key


def _revoke(key: ApiKey, acting: Principal | None) -> ApiKey:
    if key.revoked_at is None:
        before = _state(key)
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        record("key.revoked", tenant_id=key.tenant_id, acting=acting, target=key.id, before=before, after=_state(key))
        announce_on_commit(KEYS, key.id)
    return key


def rotate_key(key_id: str, *, overlap: timedelta, acting: Principal | None) -> NewKey:
    """A new key that may do the same for as long; the old one ends after the overlap, or when it would have anyway.

    Raises KeyNotFoundError, InvalidKeyError for a key that is over or somebody else's, NotPermittedError.
    """
    require(acting, "keys:write")
    old = _locked(key_id, owner=None)
    if old.owner and (acting is None or old.owner != acting.subject):
        raise InvalidKeyError("A personal key is replaced by its owner: it would act as them. It can be revoked.")
    return _rotate(old, overlap, acting)


def rotate_personal_key(key_id: str, *, overlap: timedelta, acting: Principal) -> NewKey:
    """The same for a key of the caller's own."""
    require(acting, "mcp:call")
    return _rotate(_locked(key_id, owner=acting.subject), overlap, acting)


def _rotate(old: ApiKey, overlap: timedelta, acting: Principal | None) -> NewKey:
    now = timezone.now()
    if not old.is_valid(now):
        raise InvalidKeyError("The key is revoked or expired: make a new one instead.")
    lifetime = None if old.expires_at is None else old.expires_at - old.created_at
    expires_at = None if lifetime is None else now + lifetime
    made = _make(old.name, old.scopes, expires_at, old.audience, old.only, old.networks, owner=old.owner, acting=acting)
    if not overlap:
        _revoke(old, acting)
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


def list_personal_keys(*, acting: Principal) -> list[ApiKey]:
    """The caller's own, newest first; none for a caller who is no person."""
    require(acting, "mcp:call")
    require_tenant_id("Keys")
    return list(ApiKey.objects.filter(owner=acting.subject)) if acting.kind == "user" else []


def count_unrevoked() -> int:
    """Those that count towards the limit: not revoked."""
    return ApiKey.objects.filter(revoked_at=None).count()


def page_of_keys(*, acting: Principal, own: bool, below: str = "", limit: int) -> list[ApiKey]:
    """The newest first, behind the key `below`: the caller's own, or with `own=False` the tenant's and its members'."""
    require(acting, "mcp:call" if own else "keys:read")
    require_tenant_id("Keys")
    found = ApiKey.objects.order_by("-id")
    if own:
        found = found.filter(owner=acting.subject if acting.kind == "user" else "-")
    return list((found.filter(pk__lt=below) if below else found)[:limit])


def _check(
    name: str, scopes: Collection[str], expires_at: datetime | None, audience: str, only: Collection[str]
) -> None:
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
    if len(only) > MAX_PATTERNS:
        raise InvalidKeyError(f"A key has at most {MAX_PATTERNS} patterns.")
    try:
        Rights(only)
    except PatternError as error:
        raise InvalidKeyError(str(error)) from None


def _normal(networks: Collection[str]) -> list[str]:
    """Addresses and CIDR blocks, all as blocks. Raises InvalidKeyError."""
    if len(networks) > MAX_NETWORKS:
        raise InvalidKeyError(f"A key has at most {MAX_NETWORKS} networks.")
    try:
        return sorted({str(ip_network(network.strip())) for network in networks})
    except ValueError as error:
        raise InvalidKeyError(f"A network is an address or a block such as 203.0.113.0/24: {error}.") from None


def _state(key: ApiKey) -> dict[str, object]:
    return {
        "name": key.name,
        "scopes": key.scopes,
        "audience": key.audience,
        "owner": key.owner,
        "only": key.only,
        "networks": key.networks,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }
