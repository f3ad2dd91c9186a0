from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import transaction

from controlplane.audit import context
from controlplane.audit.models import Entry
from controlplane.audit.services import MAX_STATE, kept, record
from tenants.context import NoTenantError, OtherTenantError, acting_for
from tenants.models import Tenant
from tenants.principal import Principal
from tests.support.cast import Cast


@pytest.fixture
def request_id() -> Iterator[str]:
    with context.serving("req_1"):
        yield "req_1"


def test_an_entry_says_who_did_what_to_what(acme: Tenant, ada: Principal, request_id: str) -> None:
    with acting_for(acme.id):
        made = record("server.published", tenant_id=acme.id, acting=ada, target="srv_1", after={"slug": "weather"})
        entry = Entry.objects.get(pk=made.pk)

    assert (entry.action, entry.actor_kind, entry.actor, entry.target) == (
        "server.published",
        "user",
        ada.subject,
        "srv_1",
    )
    assert (entry.before, entry.after) == (None, {"slug": "weather"})
    assert entry.request_id == request_id


def test_the_platform_acts_without_a_name(acme: Tenant) -> None:
    with acting_for(acme.id):
        entry = record("build.finished", tenant_id=acme.id, acting=None, target="rev_1", request_id="req_2")

    assert (entry.actor_kind, entry.actor, entry.request_id) == ("platform", "", "req_2")


def test_an_entry_goes_with_its_transaction(acme: Tenant, ada: Principal) -> None:
    with acting_for(acme.id):
        before = Entry.objects.count()
        with transaction.atomic():
            record("server.published", tenant_id=acme.id, acting=ada, target="srv_1")
            transaction.set_rollback(True)

        assert Entry.objects.count() == before


def test_an_entry_needs_its_tenants_block(cast: Cast) -> None:
    with pytest.raises(NoTenantError):
        record("server.published", tenant_id=cast.acme.id, acting=None, target="srv_1")
    with acting_for(cast.globex.id), pytest.raises(OtherTenantError):
        record("server.published", tenant_id=cast.acme.id, acting=None, target="srv_1")


def test_an_outsider_sees_no_entry(cast: Cast) -> None:
    with acting_for(cast.globex.id):
        tenants = set(Entry.objects.values_list("tenant_id", flat=True))

    assert tenants == {cast.globex.id}


def test_a_state_is_kept_as_plain_json() -> None:
    assert kept({"b": (1, None), "a": datetime(2026, 1, 2, tzinfo=UTC)}) == {
        "a": "2026-01-02 00:00:00+00:00",
        "b": [1, None],
    }
    assert kept({"a": "x\0y"}) == {"a": "x\ufffdy"}
    assert kept(None) is None


def test_of_a_long_state_its_digest_is_kept() -> None:
    long = kept({"a": "x" * MAX_STATE})

    assert set(long) == {"sha256", "bytes"}
    assert long != kept({"a": "y" * MAX_STATE})
