from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from controlplane.audit.models import Entry
from controlplane.keys import tokens
from controlplane.keys.authentication import ISSUER, principal_for
from controlplane.keys.models import ApiKey
from controlplane.keys.services import (
    InvalidKeyError,
    KeyNotFoundError,
    NewKey,
    create_key,
    list_keys,
    revoke_key,
)
from tenants.context import acting_for
from tenants.identifiers import new_id
from tenants.models import Tenant
from tenants.principal import Principal
from tenants.roles import NotPermittedError


@pytest.fixture
def key(acme: Tenant, ada: Principal) -> NewKey:
    with acting_for(acme.id):
        return create_key("laptop", scopes=["servers:read", "mcp:call"], acting=ada)


def test_a_key_opens_its_tenant(key: NewKey, acme: Tenant) -> None:
    principal = principal_for(key.token, "acme")

    assert principal == Principal(
        tenant=acme.id,
        issuer=ISSUER,
        subject=key.key.id,
        kind="api_key",
        client_id=key.key.id,
        scopes=frozenset({"mcp:call", "servers:read"}),
        roles=frozenset(),
        audience="*",
    )


def test_a_key_says_whose_it_is_where_no_tenant_is_named(key: NewKey, acme: Tenant) -> None:
    principal = principal_for(key.token)

    assert principal is not None
    assert principal.tenant == acme.id


@pytest.mark.parametrize("slug", ["globex", "nobody", "", "ACME"])
def test_a_key_opens_no_other_tenant(key: NewKey, slug: str) -> None:
    assert principal_for(key.token, slug) is None


def test_a_wrong_secret_behind_a_known_lookup_is_refused(key: NewKey, acme: Tenant) -> None:
    forged = tokens.Token(key.key.lookup, tokens.new_token().secret).reveal()

    assert principal_for(forged, "acme") is None


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["", "stoa_", "Bearer x", "' OR 1=1 --", "stoa_aaaaaaaa_" + "a" * 49])
def test_what_is_no_key_is_refused_without_a_query(token: str, django_assert_num_queries: object) -> None:
    assert callable(django_assert_num_queries)

    with django_assert_num_queries(0):
        assert principal_for(token, "acme") is None


def test_a_revoked_key_is_refused(key: NewKey, acme: Tenant, ada: Principal) -> None:
    with acting_for(acme.id):
        revoke_key(key.key.id, acting=ada)

    assert principal_for(key.token, "acme") is None


def test_an_expired_key_is_refused(key: NewKey, acme: Tenant) -> None:
    with acting_for(acme.id):
        ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert principal_for(key.token, "acme") is None


def test_a_suspended_tenants_key_is_refused(key: NewKey, acme: Tenant) -> None:
    with acting_for(acme.id):
        Tenant.objects.update(status=Tenant.Status.SUSPENDED)

    assert principal_for(key.token, "acme") is None


def test_a_key_for_one_endpoint_says_so(acme: Tenant, ada: Principal) -> None:
    endpoint = new_id("ep")
    with acting_for(acme.id):
        key = create_key("narrow", scopes=["mcp:call"], audience=endpoint, acting=ada)

    principal = principal_for(key.token, "acme")

    assert principal is not None
    assert principal.audience == endpoint


def test_the_last_use_is_noted_once_a_minute(key: NewKey, acme: Tenant) -> None:
    principal_for(key.token, "acme")
    first = _last_use(acme, key)
    principal_for(key.token, "acme")
    again = _last_use(acme, key)
    with acting_for(acme.id):
        ApiKey.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    principal_for(key.token, "acme")

    assert again == first
    assert timezone.now() - _last_use(acme, key) < timedelta(minutes=1)


def test_the_database_keeps_no_key(key: NewKey, acme: Tenant) -> None:
    secret = key.token.split("_", 2)[2][:43]

    with acting_for(acme.id), connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(k)::text, encode(digest, 'escape') FROM keys_apikey k")
        stored = str(cursor.fetchall())

    assert key.key.lookup in stored
    assert secret not in stored


def test_a_key_never_shows_itself(key: NewKey, caplog: pytest.LogCaptureFixture) -> None:
    secret = key.token.split("_", 2)[2][:43]
    caplog.set_level(logging.DEBUG)

    shown = f"{key} {key!r} {key.key} {key.key!r} {principal_for(key.token, 'acme')!r}"

    assert secret not in shown
    assert secret not in caplog.text


def test_making_and_revoking_are_on_record(key: NewKey, acme: Tenant, ada: Principal) -> None:
    with acting_for(acme.id):
        revoke_key(key.key.id, acting=ada)
        entries = list(Entry.objects.filter(target=key.key.id).order_by("id").values_list("action", "actor"))

    assert entries == [("key.created", ada.subject), ("key.revoked", ada.subject)]


def test_revoking_twice_is_on_record_once(key: NewKey, acme: Tenant, ada: Principal) -> None:
    with acting_for(acme.id):
        first = revoke_key(key.key.id, acting=ada).revoked_at
        second = revoke_key(key.key.id, acting=ada).revoked_at

        assert Entry.objects.filter(action="key.revoked").count() == 1
    assert first == second


def test_a_key_has_no_permission_that_its_maker_lacks(acme: Tenant, ben: Principal) -> None:
    with acting_for(acme.id), pytest.raises(NotPermittedError, match="'members:write'"):
        create_key("climb", scopes=["mcp:call", "members:write"], acting=ben)


def test_a_key_without_the_permission_makes_no_keys(acme: Tenant, ben: Principal) -> None:
    weak = replace(ben, scopes=frozenset({"mcp:call"}))

    with acting_for(acme.id), pytest.raises(NotPermittedError, match="'keys:write'"):
        create_key("child", scopes=["mcp:call"], acting=weak)


def test_a_key_for_one_endpoint_makes_none_for_another(acme: Tenant, ben: Principal) -> None:
    narrow = replace(ben, audience=new_id("ep"))

    with acting_for(acme.id), pytest.raises(NotPermittedError):
        create_key("wide", scopes=["mcp:call"], acting=narrow)


def test_an_outsider_finds_no_key(key: NewKey, globex: Tenant, cem: Principal) -> None:
    with acting_for(globex.id):
        assert list_keys(acting=cem) == []
        with pytest.raises(KeyNotFoundError):
            revoke_key(key.key.id, acting=cem)

    assert principal_for(key.token, "acme") is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": " "}, "needs a name"),
        ({"name": "x" * 101}, "needs a name"),
        ({"scopes": []}, "at least one scope"),
        ({"scopes": ["everything"]}, "no scope 'everything'"),
        ({"audience": "acme"}, "one endpoint"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "time in the future"),
    ],
)
def test_an_impossible_key_is_refused(acme: Tenant, ada: Principal, change: dict[str, object], message: str) -> None:
    wish: dict[str, Any] = {"name": "laptop", "scopes": ["mcp:call"]} | change

    with acting_for(acme.id), pytest.raises(InvalidKeyError, match=message):
        create_key(acting=ada, **wish)


def test_a_lookup_part_that_is_taken_is_made_anew(
    key: NewKey, acme: Tenant, ada: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter([tokens.Token(key.key.lookup, "s" * 43), tokens.new_token()])
    monkeypatch.setattr(tokens, "new_token", lambda: next(drawn))

    with acting_for(acme.id):
        second = create_key("second", scopes=["mcp:call"], acting=ada)

    assert second.key.lookup != key.key.lookup
    assert principal_for(second.token, "acme") is not None


def _last_use(acme: Tenant, key: NewKey) -> datetime:
    with acting_for(acme.id):
        used = ApiKey.objects.get(pk=key.key.id).last_used_at
    assert used is not None
    return used
