"""Tenants' data keys: made with the tenant, found by identifier, wrapped anew when the key-encryption key changes.

Rotation needs no pause: put the new key in STOA_KEY_ENCRYPTION_KEY and the old one in
STOA_KEY_ENCRYPTION_KEY_PREVIOUS, restart, run `manage.py rewrap_data_keys`, then remove the old one. Sealed values
are not touched; `sealed.rotate_data_key` changes the key that seals them. docs/guides/rotate-keys.md has the steps.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from tenants import envelope
from tenants.context import OtherTenantError, require_tenant_id
from tenants.envelope import DataKey, NotOpenedError, Place
from tenants.identifiers import new_id
from tenants.key_encryption import KeyEncryptionKey, KeySpec, key_encryption_key
from tenants.models import TenantKey


def seal(plaintext: bytes, place: Place) -> bytes:
    """Seal a value of the current tenant under its newest data key."""
    _check_tenant(place)
    return envelope.seal(plaintext, key=_newest(place.tenant_id), place=place)


def unseal(sealed: bytes, place: Place) -> bytes:
    """Open a value of the current tenant. Raises NotOpenedError."""
    _check_tenant(place)
    return envelope.unseal(sealed, key=_find(place.tenant_id, envelope.key_id(sealed)), place=place)


def fingerprint(value: bytes) -> str:
    """Equal for equal values of the current tenant, until it gets a new data key; says nothing about the value."""
    return envelope.fingerprint(value, key=_newest(require_tenant_id("Data keys")))


def add_data_key() -> None:
    """A fresh data key for the current tenant: it seals from now on, the older ones keep opening."""
    key = envelope.new_data_key(new_id("dek"))
    current = _key_encryption_keys()[0]
    TenantKey.objects.create(id=key.id, wrapped=current.wrap(key), wrapped_by=current.id)


def newest_id() -> str:
    """The data key that seals."""
    return _newest(require_tenant_id("Data keys")).id


def rewrap_data_keys() -> int:
    """Wrap the current tenant's data keys under the current key-encryption key; how many it had to."""
    current = _key_encryption_keys()[0]
    stale = TenantKey.objects.select_for_update().exclude(wrapped_by=current.id)
    rows = list(stale)
    for row in rows:
        row.wrapped = current.wrap(_unwrap(row))
        row.wrapped_by = current.id
        row.save(update_fields=["wrapped", "wrapped_by"])
    return len(rows)


class KeyCache:
    """Unwrapped keys of this process, the least recently used leaving first. What an identifier names never changes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._keys: OrderedDict[tuple[str, str], DataKey] = OrderedDict()
        self._lock = Lock()

    def get(self, tenant_id: str, key_id: str) -> DataKey | None:
        with self._lock:
            key = self._keys.get((tenant_id, key_id))
            if key is not None:
                self._keys.move_to_end((tenant_id, key_id))
            return key

    def put(self, tenant_id: str, key: DataKey) -> None:
        with self._lock:
            self._keys[tenant_id, key.id] = key
            self._keys.move_to_end((tenant_id, key.id))
            while len(self._keys) > self._size:
                self._keys.popitem(last=False)

    def __len__(self) -> int:
        return len(self._keys)


_cache = KeyCache(1024)


def _newest(tenant_id: str) -> DataKey:
    row = TenantKey.objects.order_by("-created_at", "-id").first()
    if row is None:
        raise NotOpenedError(f"{tenant_id} has no data key; services.create_tenant makes one.")
    return _cache.get(tenant_id, row.id) or _unwrap(row)


def _find(tenant_id: str, key_id: str) -> DataKey:
    key = _cache.get(tenant_id, key_id)
    if key is not None:
        return key
    row = TenantKey.objects.filter(pk=key_id).first()
    if row is None:
        raise NotOpenedError(f"{tenant_id} has no data key {key_id}: the value was sealed for someone else.")
    return _unwrap(row)


def _unwrap(row: TenantKey) -> DataKey:
    for candidate in _key_encryption_keys():
        if candidate.id == row.wrapped_by:
            key = candidate.unwrap(bytes(row.wrapped), id=row.id)
            _cache.put(row.tenant_id, key)
            return key
    raise ImproperlyConfigured(
        f"The data key {row.id} was wrapped by the key-encryption key {row.wrapped_by}, which is neither "
        "STOA_KEY_ENCRYPTION_KEY nor STOA_KEY_ENCRYPTION_KEY_PREVIOUS. Give it as one of them."
    )


def _key_encryption_keys() -> tuple[KeyEncryptionKey, ...]:
    keys: tuple[KeySpec, ...] = settings.STOA_KEY_ENCRYPTION_KEYS
    if not keys:
        raise ImproperlyConfigured(
            "STOA_KEY_ENCRYPTION_KEY is not set, so nothing can be sealed. Give base64 of 32 random bytes and keep it: "
            "what it protects cannot be opened without it."
        )
    return tuple(key_encryption_key(spec) for spec in keys)


def _check_tenant(place: Place) -> None:
    tenant_id = require_tenant_id("Data keys")
    if place.tenant_id != tenant_id:
        raise OtherTenantError(tenant_id, place.tenant_id)
