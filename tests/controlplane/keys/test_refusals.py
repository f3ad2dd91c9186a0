"""Keys tried in vain are on record, once a minute."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from controlplane.audit.models import Entry
from controlplane.keys import tokens
from controlplane.keys.authentication import principal_for
from controlplane.keys.models import ApiKey
from controlplane.keys.services import NewKey, create_key, revoke_key
from tenants.context import acting_for
from tenants.models import Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(acme: Tenant) -> NewKey:
    with acting_for(acme.id):
        return create_key("CI", scopes=["mcp:call"], acting=None)


def refusals(acme: Tenant) -> list[str]:
    with acting_for(acme.id):
        return list(Entry.objects.filter(action__startswith="key.refused").values_list("action", flat=True))


def test_a_revoked_key(key: NewKey, acme: Tenant) -> None:
    with acting_for(acme.id):
        revoke_key(key.key.id, acting=None)

    assert principal_for(key.token, "acme") is None
    assert refusals(acme) == ["key.refused.revoked"]


def test_an_expired_key(key: NewKey, acme: Tenant) -> None:
    with acting_for(acme.id):
        ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert principal_for(key.token) is None
    assert refusals(acme) == ["key.refused.expired"]


def test_a_wrong_secret_behind_a_known_first_part(key: NewKey, acme: Tenant) -> None:
    wrong = tokens.Token(key.key.lookup, tokens.new_token().secret).reveal()

    assert principal_for(wrong) is None
    assert refusals(acme) == ["key.refused.mismatch"]


def test_a_key_at_another_tenant_is_on_its_own_tenants_record(key: NewKey, acme: Tenant, globex: Tenant) -> None:
    assert principal_for(key.token, "globex") is None

    assert refusals(acme) == ["key.refused.elsewhere"]
    assert refusals(globex) == []


def test_a_program_that_goes_on_does_not_fill_the_record(key: NewKey, acme: Tenant) -> None:
    with acting_for(acme.id):
        revoke_key(key.key.id, acting=None)

    for _ in range(20):
        principal_for(key.token)

    assert len(refusals(acme)) == 1
    with acting_for(acme.id):
        assert ApiKey.objects.get().last_refused_at is not None


def test_a_key_that_works_is_no_refusal(key: NewKey, acme: Tenant) -> None:
    assert principal_for(key.token, "acme") is not None
    assert refusals(acme) == []
