"""PostgreSQL's own wall, asked in SQL: what holds even if our manager is wrong. Runs as `stoa_app`."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, models, transaction

from tenants.context import acting_for
from tenants.identifiers import new_id
from tenants.models import Tenant
from tests.support.cast import Cast

TENANT_MODELS = sorted(
    (
        model
        for model in apps.get_models(include_auto_created=True)
        if model is Tenant or "tenant_id" in {field.attname for field in model._meta.concrete_fields}
    ),
    key=lambda model: model._meta.label,
)


def test_the_list_of_tenant_models_is_not_empty() -> None:
    assert len(TENANT_MODELS) >= 7


@pytest.mark.django_db
@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_every_table_of_tenants_has_forced_row_security(model: type[models.Model]) -> None:
    [(enabled, forced)] = _rows(
        "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", model._meta.db_table
    )
    column = "id" if model is Tenant else "tenant_id"
    check = f"((({column})::text = current_setting('app.tenant'::text, true)))"[1:-1]

    walls = _rows(
        "SELECT permissive, roles, cmd, qual, with_check FROM pg_policies "
        "WHERE tablename = %s AND policyname = 'tenant_wall'",
        model._meta.db_table,
    )

    assert (enabled, forced) == (True, True), f"{model._meta.label}: its migration must call rls.force_row_security"
    assert walls == [("PERMISSIVE", ["public"], "ALL", check, check)]


@pytest.mark.django_db
def test_every_table_with_a_tenant_column_belongs_to_a_model_above() -> None:
    tables = _rows(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'tenant_id'"
    )

    assert {table for (table,) in tables} <= {model._meta.db_table for model in TENANT_MODELS}


@pytest.mark.django_db
def test_no_other_policy_lets_the_application_see_more() -> None:
    others = _rows("SELECT tablename, policyname, roles, cmd FROM pg_policies WHERE policyname <> 'tenant_wall'")

    assert {(name, tuple(roles), cmd) for _, name, roles, cmd in others} == {
        ("owner_lookup", ("stoa_owner",), "SELECT"),
        ("owner_finds_old", ("stoa_owner",), "SELECT"),  # of the audit record, for its retention
        ("owner_forgets_old", ("stoa_owner",), "DELETE"),
    }
    assert {table for table, *_ in others} == {
        "audit_entry",
        "tenants_tenant",
        "tenants_membership",
        "keys_apikey",
        "registry_revision",
        "registry_server",
        "providers_provider",
        "issuer_signingkey",
        "issuer_revokedlogin",
        "tasks_task",
    }


def test_without_a_tenant_there_are_no_rows(cast: Cast) -> None:
    counts = [_rows(f"SELECT count(*) FROM {model._meta.db_table}") for model in TENANT_MODELS]

    assert counts == [[(0,)]] * len(TENANT_MODELS)


def test_raw_sql_sees_nothing_of_another_tenant(cast: Cast) -> None:
    with acting_for(cast.globex.id):
        for model in TENANT_MODELS:
            column = "id" if model is Tenant else "tenant_id"
            owners = _rows(f"SELECT DISTINCT {column} FROM {model._meta.db_table}")
            assert {owner for (owner,) in owners} <= {cast.globex.id}, model._meta.label


def test_an_insert_for_another_tenant_is_refused(cast: Cast) -> None:
    with acting_for(cast.globex.id), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        _insert_membership(cast.acme.id, cast.cem.pk)


def test_an_insert_without_a_tenant_is_refused(cast: Cast) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        _insert_membership(cast.acme.id, cast.cem.pk)


def test_a_row_cannot_be_given_to_another_tenant(cast: Cast) -> None:
    with acting_for(cast.globex.id), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        _execute("UPDATE tenants_membership SET tenant_id = %s", cast.acme.id)


def test_an_update_or_delete_does_not_reach_another_tenant(cast: Cast) -> None:
    with acting_for(cast.globex.id):
        updated = _execute("UPDATE tenants_membership SET role = 'viewer' WHERE tenant_id = %s", cast.acme.id)
        deleted = _execute("DELETE FROM tenants_membership WHERE tenant_id = %s", cast.acme.id)

    assert (updated, deleted) == (0, 0)


@pytest.mark.django_db
def test_the_application_is_an_ordinary_role() -> None:
    [role] = _rows(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication "
        "FROM pg_roles WHERE rolname = current_user"
    )

    assert role == ("stoa_app", False, False, False, False, False)


@pytest.mark.django_db
def test_the_application_is_a_member_of_no_other_role() -> None:
    memberships = _rows("SELECT roleid::regrole::text FROM pg_auth_members WHERE member = current_user::regrole")

    assert memberships == []


@pytest.mark.django_db
@pytest.mark.parametrize("catalogue", ["pg_class:relowner", "pg_proc:proowner", "pg_namespace:nspowner"])
def test_the_application_owns_nothing(catalogue: str) -> None:
    table, column = catalogue.split(":")

    owned = _rows(f"SELECT count(*) FROM {table} WHERE {column} = current_user::regrole")

    assert owned == [(0,)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE tenants_membership",
        "TRUNCATE audit_entry",
        "ALTER TABLE tenants_membership NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE tenants_membership DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant_wall ON tenants_membership",
        "CREATE POLICY mine ON tenants_membership USING (true)",
        "ALTER POLICY tenant_wall ON tenants_membership USING (true)",
        "DROP TABLE tenants_membership",
        "CREATE TABLE mine (id int)",
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER FUNCTION public.tenants_by_slug(text) SECURITY INVOKER",
        "SET LOCAL ROLE stoa_owner",
        "SET LOCAL session_replication_role = replica",
        "UPDATE tenants_slug SET slug = slug",
        "DELETE FROM tenants_slug",
        "UPDATE audit_entry SET action = action",
        "DELETE FROM audit_entry",
        "DELETE FROM django_migrations",
    ],
)
def test_the_application_cannot_loosen_the_wall(statement: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), transaction.atomic():
        _execute(statement)


def test_switching_row_security_off_raises_instead_of_showing_rows(cast: Cast) -> None:
    _execute("SET LOCAL row_security = off")

    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        _rows("SELECT * FROM tenants_membership")


@pytest.mark.django_db
def test_lookup_functions_are_pinned_and_granted_to_the_application_alone() -> None:
    functions = _rows(
        "SELECT proname, prosecdef, proowner::regrole::text, array_to_string(proconfig, ';'), proacl::text[] "
        "FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY proname"
    )

    assert [name for name, *_ in functions] == [
        "audit_forget",  # the end of what is kept long enough
        "issuer_revocations",  # identifiers of logins that ended a moment ago, for gateways
        "issuer_signers",  # public keys, for gateways
        "keys_tenant",
        "providers_required",  # whether a tenant leaves passwords to its owners
        "registry_due_servers",  # identifiers alone, for the round that asks servers how they are
        "registry_stuck_builds",  # identifiers alone, for the sweep that finds builds nobody works on
        "tasks_due",  # identifiers alone, for the sweep that finds tasks nobody works on
        "tenants_all",
        "tenants_by_slug",
        "tenants_erase",  # the end of a tenant that is marked as being deleted, by a transaction that acts for it
        "tenants_of_user",
    ]
    for name, definer, owner, configuration, grants in functions:
        assert (definer, owner) == (True, "stoa_owner"), name
        assert configuration == "search_path=pg_catalog, pg_temp", name
        assert sorted(grants) == ["stoa_app=X/stoa_owner", "stoa_owner=X/stoa_owner"], name


def _rows(sql: str, *arguments: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments or None)
        rows: list[Any] = cursor.fetchall()
    return rows


def _execute(sql: str, *arguments: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments or None)
        return cursor.rowcount


def _insert_membership(tenant_id: str, user_id: str) -> None:
    _execute(
        "INSERT INTO tenants_membership (id, tenant_id, user_id, role, created_at) VALUES (%s, %s, %s, 'owner', now())",
        new_id("mem"),
        tenant_id,
        user_id,
    )
