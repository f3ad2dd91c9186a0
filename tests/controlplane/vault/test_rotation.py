"""Both kinds of key change under a load of calls that need secrets, and no call notices."""

from __future__ import annotations

import asyncio
import io
import os

import pytest
from django.core.management import call_command
from pytest_django import Settings

from controlplane.audit.models import Entry
from controlplane.issuer import signing
from controlplane.vault.models import Secret
from controlplane.vault.secrets import DatabaseSecrets
from controlplane.vault.services import list_secrets, rotate_data_key, set_secret
from tenants import datakeys, envelope
from tenants.context import acting_for, run_acting_for
from tenants.datakeys import KeyCache
from tenants.identifiers import new_id
from tenants.models import Tenant, TenantKey
from tenants.principal import Principal
from tenants.roles import NotPermittedError
from tenants.sealed import seal_anew
from tests.support import wait_until_async
from tests.support.cast import Cast

SERVER = new_id("srv")


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datakeys, "_cache", KeyCache(1024))


@pytest.fixture
def secret(cast: Cast) -> Tenant:
    with acting_for(cast.acme.id):
        set_secret(SERVER, "TOKEN", "the value", acting=None)
        signing.key_set()
    return cast.acme


@pytest.mark.django_db(transaction=True)
async def test_both_kinds_of_key_change_during_a_load_of_calls_with_no_error(
    secret: Tenant, settings: Settings
) -> None:
    done = [0] * 4
    over = asyncio.Event()

    async def call(caller: int) -> None:
        while not over.is_set():
            assert (await DatabaseSecrets().environment(secret.id, SERVER))["TOKEN"] == "the value"
            await run_acting_for(secret.id, set_secret, SERVER, f"OTHER_{caller}", "x", acting=None)
            done[caller] += 1

    async def go_on() -> None:
        """Every caller ends what it was about, and does some more."""
        before = list(done)
        await wait_until_async(lambda: all(now >= then + 2 for now, then in zip(done, before, strict=True)), 60)

    async def restart(*keys: bytes) -> None:
        """A process that begins anew with these has nothing in its cache."""
        settings.STOA_KEY_ENCRYPTION_KEYS = keys
        datakeys._cache = KeyCache(1024)
        await go_on()

    async with asyncio.TaskGroup() as calls:
        for caller in range(4):
            calls.create_task(call(caller))
        try:
            for _ in range(2):
                old, new = settings.STOA_KEY_ENCRYPTION_KEYS[0], os.urandom(32)
                await restart(old, new)
                await restart(new, old)
                await asyncio.to_thread(call_command, "rewrap_data_keys", stdout=io.StringIO())
                await restart(new)
                await run_acting_for(secret.id, rotate_data_key, acting=None)
                await go_on()
        finally:
            over.set()


@pytest.mark.django_db
def test_everything_is_sealed_anew_under_the_new_data_key(secret: Tenant) -> None:
    with acting_for(secret.id):
        old = datakeys.newest_id()
        assert rotate_data_key(acting=None) == 2  # the secret and the issuer's signing key

        assert datakeys.newest_id() != old
        assert {envelope.key_id(bytes(row.sealed)) for row in Secret.objects.all()} == {datakeys.newest_id()}
        assert signing.sign({"sub": "x"})
        assert seal_anew() == 0


@pytest.mark.django_db
def test_the_fingerprint_is_the_one_of_the_new_key(secret: Tenant) -> None:
    with acting_for(secret.id):
        rotate_data_key(acting=None)
        (listed,) = list_secrets(SERVER, acting=None)

        assert set_secret(SERVER, "TOKEN", "the value", acting=None).fingerprint == listed.fingerprint


@pytest.mark.django_db
def test_a_rotation_is_on_record_and_for_administrators(secret: Tenant, ada: Principal, ben: Principal) -> None:
    with acting_for(secret.id):
        with pytest.raises(NotPermittedError):
            rotate_data_key(acting=ben)
        rotate_data_key(acting=ada)

        assert Entry.objects.get(action="tenant.data_key_rotated").actor == ada.subject


@pytest.mark.django_db
def test_the_command_rotates_every_tenants_key(
    secret: Tenant, globex: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("rotate_data_keys")
    call_command("rotate_data_keys", tenant="acme")

    told = capsys.readouterr().out
    assert "2 new data keys, 2 values sealed anew." in told
    assert "1 new data keys, 2 values sealed anew." in told
    with acting_for(globex.id):
        assert TenantKey.objects.count() == 2
