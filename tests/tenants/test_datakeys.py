from __future__ import annotations

import base64
import os

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from pytest_django import Settings

from tenants import datakeys, envelope
from tenants.context import NoTenantError, OtherTenantError, acting_for
from tenants.datakeys import KeyCache
from tenants.envelope import DataKey, NotOpenedError, Place
from tenants.key_encryption import LocalKey
from tenants.models import TenantKey
from tests.support.cast import Cast


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datakeys, "_cache", KeyCache(1024))


def place(tenant_id: str, row: str = "sec_1") -> Place:
    return Place(tenant_id, "vault_secret", "sealed", row)


def test_a_tenant_is_made_with_a_data_key(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        sealed = datakeys.seal(b"value", place(cast.acme.id))
        opened = datakeys.unseal(sealed, place(cast.acme.id))

    assert opened == b"value"


def test_another_tenants_value_does_not_open_even_when_its_place_is_claimed(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        sealed = datakeys.seal(b"value", place(cast.acme.id))

    with acting_for(cast.globex.id), pytest.raises(NotOpenedError, match="sealed for someone else"):
        datakeys.unseal(sealed, place(cast.globex.id))


def test_a_cached_key_of_another_tenant_is_not_used(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        sealed = datakeys.seal(b"value", place(cast.acme.id))
        datakeys.unseal(sealed, place(cast.acme.id))

    with acting_for(cast.globex.id), pytest.raises(NotOpenedError):
        datakeys.unseal(sealed, place(cast.globex.id))


def test_a_place_in_another_tenant_is_refused(cast: Cast) -> None:
    with acting_for(cast.globex.id), pytest.raises(OtherTenantError):
        datakeys.seal(b"value", place(cast.acme.id))


def test_nothing_is_sealed_outside_a_tenant(cast: Cast) -> None:
    with pytest.raises(NoTenantError):
        datakeys.seal(b"value", place(cast.acme.id))


def test_older_data_keys_open_what_they_sealed(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        old = datakeys.seal(b"old", place(cast.acme.id))
        datakeys.add_data_key()
        new = datakeys.seal(b"new", place(cast.acme.id))

        assert envelope.key_id(old) != envelope.key_id(new)
        assert datakeys.unseal(old, place(cast.acme.id)) == b"old"
        assert datakeys.unseal(new, place(cast.acme.id)) == b"new"


def test_the_key_encryption_key_rotates_without_touching_values(cast: Cast, settings: Settings) -> None:
    with acting_for(cast.acme.id):
        sealed = datakeys.seal(b"value", place(cast.acme.id))
    old, new = settings.STOA_KEY_ENCRYPTION_KEYS[0], os.urandom(32)

    settings.STOA_KEY_ENCRYPTION_KEYS = (new, old)
    datakeys._cache = KeyCache(8)
    with acting_for(cast.acme.id):
        assert datakeys.unseal(sealed, place(cast.acme.id)) == b"value"
    call_command("rewrap_data_keys", verbosity=0)

    settings.STOA_KEY_ENCRYPTION_KEYS = (new,)
    datakeys._cache = KeyCache(8)
    with acting_for(cast.acme.id):
        assert datakeys.unseal(sealed, place(cast.acme.id)) == b"value"


def test_wrapping_anew_can_be_repeated(cast: Cast, settings: Settings) -> None:
    settings.STOA_KEY_ENCRYPTION_KEYS = (os.urandom(32), *settings.STOA_KEY_ENCRYPTION_KEYS)

    with acting_for(cast.acme.id):
        counts = (datakeys.rewrap_data_keys(), datakeys.rewrap_data_keys())

    assert counts == (1, 0)


def test_an_unknown_key_encryption_key_is_named(cast: Cast, settings: Settings) -> None:
    settings.STOA_KEY_ENCRYPTION_KEYS = (os.urandom(32),)

    with acting_for(cast.acme.id), pytest.raises(ImproperlyConfigured, match="STOA_KEY_ENCRYPTION_KEY_PREVIOUS"):
        datakeys.seal(b"value", place(cast.acme.id))


def test_without_a_key_encryption_key_nothing_is_sealed(cast: Cast, settings: Settings) -> None:
    settings.STOA_KEY_ENCRYPTION_KEYS = ()

    with acting_for(cast.acme.id), pytest.raises(ImproperlyConfigured, match="STOA_KEY_ENCRYPTION_KEY is not set"):
        datakeys.add_data_key()


def test_the_database_holds_no_key_in_the_clear(cast: Cast, settings: Settings) -> None:
    with acting_for(cast.acme.id):
        row = TenantKey.objects.get()
    key = LocalKey(settings.STOA_KEY_ENCRYPTION_KEYS[0]).unwrap(bytes(row.wrapped), id=row.id)

    assert key.material not in bytes(row.wrapped)
    assert base64.b64encode(key.material).decode() not in f"{row!r} {row}"


def test_the_cache_keeps_the_keys_used_last() -> None:
    cache = KeyCache(2)
    first, second, third = (DataKey(f"dek_{number}", b"") for number in range(3))

    cache.put("ten_1", first)
    cache.put("ten_1", second)
    cache.get("ten_1", first.id)
    cache.put("ten_1", third)

    assert cache.get("ten_1", second.id) is None
    assert (cache.get("ten_1", first.id), cache.get("ten_1", third.id), len(cache)) == (first, third, 2)
