"""Sealing what belongs to people and to no tenant, under data keys of the installation; `datakeys` does it for tenants.

Used rarely, such as when a second factor is checked; so keys are unwrapped anew each time and kept nowhere.
"""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from tenants import envelope
from tenants.envelope import DataKey, NotOpenedError, Place
from tenants.identifiers import new_id
from tenants.key_encryption import KeyEncryptionKey, key_encryption_key
from tenants.models import PlatformKey

PLATFORM = "platform"
"""Stands in a `Place` where a tenant would."""


def seal(plaintext: bytes, *, table: str, column: str, row: str) -> bytes:
    """Seal a value under the newest key; the first one is made when it is needed."""
    newest = PlatformKey.objects.order_by("-created_at", "-id").first()
    key = _unwrap(newest) if newest else _add()
    return envelope.seal(plaintext, key=key, place=Place(PLATFORM, table, column, row))


def unseal(sealed: bytes, *, table: str, column: str, row: str) -> bytes:
    """Raises NotOpenedError."""
    key_id = envelope.key_id(sealed)
    found = PlatformKey.objects.filter(pk=key_id).first()
    if found is None:
        raise NotOpenedError(f"The installation has no data key {key_id}: the value was sealed elsewhere.")
    return envelope.unseal(sealed, key=_unwrap(found), place=Place(PLATFORM, table, column, row))


@transaction.atomic
def rewrap() -> int:
    """Wrap the keys under the current key-encryption key; how many it had to."""
    current = _key_encryption_keys()[0]
    stale = list(PlatformKey.objects.select_for_update().exclude(wrapped_by=current.id))
    for row in stale:
        row.wrapped = current.wrap(_unwrap(row))
        row.wrapped_by = current.id
        row.save(update_fields=["wrapped", "wrapped_by"])
    return len(stale)


def _add() -> DataKey:
    key = envelope.new_data_key(new_id("dek"))
    current = _key_encryption_keys()[0]
    PlatformKey.objects.create(id=key.id, wrapped=current.wrap(key), wrapped_by=current.id)
    return key


def _unwrap(row: PlatformKey) -> DataKey:
    for candidate in _key_encryption_keys():
        if candidate.id == row.wrapped_by:
            return candidate.unwrap(bytes(row.wrapped), id=row.id)
    raise ImproperlyConfigured(
        f"The data key {row.id} was wrapped by the key-encryption key {row.wrapped_by}, which is neither "
        "STOA_KEY_ENCRYPTION_KEY nor STOA_KEY_ENCRYPTION_KEY_PREVIOUS. Give it as one of them."
    )


def _key_encryption_keys() -> list[KeyEncryptionKey]:
    keys = [key_encryption_key(spec) for spec in settings.STOA_KEY_ENCRYPTION_KEYS]
    if not keys:
        raise ImproperlyConfigured("STOA_KEY_ENCRYPTION_KEY is not set, so nothing can be sealed. Give it a value.")
    return keys
