from __future__ import annotations

import logging

import pytest
from django.db import connection

from controlplane.audit.models import Entry
from controlplane.vault import services
from controlplane.vault.models import Secret
from controlplane.vault.secrets import DatabaseSecrets
from controlplane.vault.services import (
    InvalidSecretError,
    SecretNotFoundError,
    delete_secret,
    environment,
    list_secrets,
    set_secret,
)
from mcp_runtime.ports.credentials import Secrets
from tenants.context import acting_for, run_acting_for
from tenants.envelope import NotOpenedError
from tenants.identifiers import new_id
from tenants.models import Tenant
from tenants.principal import Principal
from tenants.roles import NotPermittedError
from tests.support.cast import Cast

CANARY = "canary-5d80c2e1"
SERVER = new_id("srv")


@pytest.fixture
def secret(acme: Tenant, ben: Principal) -> Secret:
    with acting_for(acme.id):
        set_secret(SERVER, "API_TOKEN", CANARY, acting=ben)
        return Secret.objects.get()


def test_the_sandbox_gets_what_was_set(acme: Tenant, secret: Secret) -> None:
    assert environment(acme.id, SERVER) == {"API_TOKEN": CANARY}


def test_a_server_without_secrets_has_an_empty_environment(acme: Tenant, secret: Secret) -> None:
    assert environment(acme.id, new_id("srv")) == {}


def test_another_tenant_does_not_get_it_by_naming_the_server(globex: Tenant, secret: Secret) -> None:
    assert environment(globex.id, SERVER) == {}


def test_setting_again_replaces(acme: Tenant, ben: Principal, secret: Secret) -> None:
    with acting_for(acme.id):
        set_secret(SERVER, "API_TOKEN", "second", acting=ben)

        assert Secret.objects.count() == 1
    assert environment(acme.id, SERVER) == {"API_TOKEN": "second"}


def test_a_listing_tells_fingerprints_only(acme: Tenant, ben: Principal, secret: Secret) -> None:
    with acting_for(acme.id):
        set_secret(SERVER, "SAME", CANARY, acting=ben)
        set_secret(SERVER, "OTHER", "other", acting=ben)
        listed = {info.name: info.fingerprint for info in list_secrets(SERVER, acting=ben)}

    assert listed["SAME"] == listed["API_TOKEN"] != listed["OTHER"]
    assert CANARY not in str(listed)


def test_two_tenants_fingerprints_of_one_value_differ(cast: Cast, secret: Secret) -> None:
    with acting_for(cast.globex.id):
        theirs = set_secret(SERVER, "API_TOKEN", CANARY, acting=None)

    assert theirs.fingerprint != secret.fingerprint


def test_a_deleted_secret_is_gone(acme: Tenant, ben: Principal, secret: Secret) -> None:
    with acting_for(acme.id):
        delete_secret(SERVER, "API_TOKEN", acting=ben)

    assert environment(acme.id, SERVER) == {}


def test_deleting_an_unknown_secret_says_so(acme: Tenant, ben: Principal) -> None:
    with acting_for(acme.id), pytest.raises(SecretNotFoundError, match="'API_TOKEN'"):
        delete_secret(SERVER, "API_TOKEN", acting=ben)


def test_a_value_moved_to_another_name_does_not_open(acme: Tenant, secret: Secret) -> None:
    with acting_for(acme.id):
        Secret.objects.update(name="PUBLIC_TOKEN")

    with pytest.raises(NotOpenedError):
        environment(acme.id, SERVER)


def test_a_value_moved_to_another_server_does_not_open(acme: Tenant, secret: Secret) -> None:
    other = new_id("srv")
    with acting_for(acme.id):
        Secret.objects.update(server_id=other)

    with pytest.raises(NotOpenedError):
        environment(acme.id, other)


def test_a_value_copied_to_another_tenant_does_not_open(cast: Cast, secret: Secret) -> None:
    with acting_for(cast.globex.id):
        Secret(id=new_id("sec"), server_id=SERVER, name="API_TOKEN", sealed=secret.sealed, fingerprint="").save()

    with pytest.raises(NotOpenedError):
        environment(cast.globex.id, SERVER)


def test_the_value_is_nowhere_but_sealed(
    acme: Tenant, ben: Principal, secret: Secret, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with acting_for(acme.id):
        info = set_secret(SERVER, "API_TOKEN", CANARY, acting=ben)
        with connection.cursor() as cursor:
            cursor.execute("SELECT row_to_json(s)::text, encode(sealed, 'escape') FROM vault_secret s")
            stored = str(cursor.fetchall())
            cursor.execute("SELECT row_to_json(e)::text FROM audit_entry e")
            stored += str(cursor.fetchall())

    assert CANARY not in stored
    assert CANARY not in f"{secret} {secret!r} {info!r}"
    assert CANARY not in caplog.text


def test_each_change_is_on_record(acme: Tenant, ben: Principal, secret: Secret) -> None:
    with acting_for(acme.id):
        set_secret(SERVER, "API_TOKEN", "second", acting=ben)
        delete_secret(SERVER, "API_TOKEN", acting=ben)
        entries = list(Entry.objects.filter(target=secret.id).order_by("id"))

    assert [entry.action for entry in entries] == ["secret.set", "secret.set", "secret.deleted"]
    assert entries[0].after == entries[1].before != entries[1].after == entries[2].before


def test_who_may_not_write_secrets_neither_sets_nor_sees_them(acme: Tenant, cast: Cast) -> None:
    viewer = Principal(acme.id, "stoa:keys", "key_1", "api_key", "key_1", frozenset({"mcp:call"}), frozenset(), "*")

    with acting_for(acme.id):
        with pytest.raises(NotPermittedError):
            set_secret(SERVER, "API_TOKEN", CANARY, acting=viewer)
        with pytest.raises(NotPermittedError):
            list_secrets(SERVER, acting=viewer)


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "É", "A" * 129, "A\n"])
def test_a_name_that_no_variable_can_have_is_refused(acme: Tenant, ben: Principal, name: str) -> None:
    with acting_for(acme.id), pytest.raises(InvalidSecretError, match="letters, digits and underscores"):
        set_secret(SERVER, name, CANARY, acting=ben)


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PYTHONPATH", "pythonhome", "STOA_X"])
def test_a_name_that_steers_the_sandbox_is_refused(acme: Tenant, ben: Principal, name: str) -> None:
    with acting_for(acme.id), pytest.raises(InvalidSecretError, match="keeps names"):
        set_secret(SERVER, name, CANARY, acting=ben)


@pytest.mark.parametrize("value", [f"{CANARY}\0", f"{CANARY}\ud800", CANARY * 3000], ids=["nul", "surrogate", "long"])
def test_a_value_that_no_variable_can_have_is_refused_without_repeating_it(
    acme: Tenant, ben: Principal, value: str
) -> None:
    with acting_for(acme.id), pytest.raises(InvalidSecretError) as caught:
        set_secret(SERVER, "API_TOKEN", value, acting=ben)

    assert CANARY not in str(caught.value)


def test_a_server_has_a_limited_number_of_secrets(
    acme: Tenant, ben: Principal, secret: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MAX_SECRETS", 1)

    with acting_for(acme.id):
        set_secret(SERVER, "API_TOKEN", "replaced", acting=ben)
        with pytest.raises(InvalidSecretError, match="at most 1"):
            set_secret(SERVER, "ONE_MORE", "value", acting=ben)


@pytest.mark.django_db(transaction=True)
async def test_the_runtime_opens_secrets_through_its_port(cast: Cast) -> None:
    port: Secrets = DatabaseSecrets()
    await run_acting_for(cast.acme.id, set_secret, SERVER, "API_TOKEN", CANARY, acting=None)

    assert await port.environment(cast.acme.id, SERVER) == {"API_TOKEN": CANARY}
    assert await port.environment(cast.globex.id, SERVER) == {}
