from __future__ import annotations

import contextlib

import pytest
from django.db import IntegrityError, connection, transaction

from tenants.context import (
    NoTenantError,
    OtherTenantError,
    acting_for,
    current_tenant_id,
    in_thread,
    run_acting_for,
)
from tenants.models import Membership, Tenant
from tests.support.cast import Cast


def test_the_manager_raises_where_no_tenant_is_acted_for(cast: Cast) -> None:
    with pytest.raises(NoTenantError, match=r"tenants\.Membership can only be reached inside"):
        Membership.objects.count()


def test_inside_the_block_only_the_tenants_rows_exist(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        users = {membership.user_id for membership in Membership.objects.all()}

    assert users == {cast.ada.pk, cast.ben.pk}


def test_an_outsider_does_not_find_the_tenant(cast: Cast) -> None:
    with acting_for(cast.globex.id):
        found = Tenant.objects.filter(pk=cast.acme.pk).exists()

    assert not found


def test_blocks_of_one_tenant_nest(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        with acting_for(cast.acme.id):
            inside = Membership.objects.count()
        after = Membership.objects.count()

    assert (inside, after) == (2, 2)


def test_a_block_of_another_tenant_inside_is_refused(cast: Cast) -> None:
    with acting_for(cast.acme.id), pytest.raises(OtherTenantError), acting_for(cast.globex.id):
        pass


def test_a_slug_is_not_an_identifier(cast: Cast) -> None:
    with pytest.raises(ValueError, match="ten_…"), acting_for("acme"):
        pass


def test_an_exception_rolls_back_and_ends_the_tenant(cast: Cast) -> None:
    def fail() -> None:
        with acting_for(cast.acme.id):
            Tenant.objects.update(name="changed")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert current_tenant_id() is None
    assert _told() == ""
    with acting_for(cast.acme.id):
        assert Tenant.objects.get().name == "Acme"


def test_after_the_block_the_outer_transaction_has_no_tenant(cast: Cast) -> None:
    with transaction.atomic():
        with acting_for(cast.acme.id):
            pass
        told = _told()

    assert told == ""


def test_a_block_that_swallows_a_failed_query_is_rolled_back_and_ends(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        Tenant.objects.update(name="changed")
        with contextlib.suppress(IntegrityError):
            Membership.objects.create(user=cast.ada, role="viewer")

    assert _told() == ""
    with acting_for(cast.acme.id):
        assert Tenant.objects.get().name == "Acme"


@pytest.mark.django_db(transaction=True)
def test_callbacks_on_commit_run_outside_the_tenant(cast: Cast) -> None:
    seen: list[str | None] = []

    with acting_for(cast.acme.id):
        transaction.on_commit(lambda: seen.append(current_tenant_id()))

    assert seen == [None]


@pytest.mark.django_db(transaction=True)
def test_the_connection_forgets_the_tenant_with_the_transaction(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        inside = _told()

    assert inside == cast.acme.id
    assert _told() == ""


@pytest.mark.django_db(transaction=True)
async def test_asynchronous_callers_act_in_a_thread(cast: Cast) -> None:
    count = await run_acting_for(cast.acme.id, Membership.objects.count)

    assert count == 2
    assert current_tenant_id() is None


@pytest.mark.django_db(transaction=True)
async def test_a_thread_gives_its_connection_back(cast: Cast) -> None:
    backend = await in_thread(_backend_pid)

    remaining = await in_thread(_backends, backend)
    assert remaining == 0


def test_a_new_row_gets_the_current_tenant(cast: Cast) -> None:
    with acting_for(cast.globex.id):
        membership = Membership.objects.create(user=cast.ben, role="viewer")

    assert membership.tenant_id == cast.globex.id


def test_rows_made_in_bulk_get_the_current_tenant(cast: Cast) -> None:
    with acting_for(cast.globex.id):
        [membership] = Membership.objects.bulk_create([Membership(user=cast.ben, role="viewer")])

    assert membership.tenant_id == cast.globex.id


def test_a_row_of_another_tenant_cannot_be_saved(cast: Cast) -> None:
    with acting_for(cast.globex.id), pytest.raises(OtherTenantError):
        Membership(tenant=cast.acme, user=cast.cem, role="owner").save()


def _told() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('app.tenant', true), '')")
        return str(cursor.fetchone()[0])


def _backend_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _backends(pid: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND state IS NOT NULL", [pid])
        return int(cursor.fetchone()[0])
