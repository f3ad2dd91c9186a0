"""PostgreSQL: the role that serves, the wall between tenants, the schema, the clock and the keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from controlplane.cli.doctor.findings import Finding, Level
from tenants import lookups
from tenants.context import acting_for
from tenants.key_encryption import key_encryption_key
from tenants.models import Tenant, TenantKey

SKEW_SECONDS = 2.0
"""Between this host and PostgreSQL: leases, tokens and one-time codes are judged by both clocks."""
LOOKED_AT = 200
"""Tenants whose keys are looked at."""


def check() -> Iterator[Finding]:
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        said = (str(error).strip().splitlines() or [""])[0]
        yield Finding(
            "database",
            Level.ERROR,
            f"PostgreSQL does not let us in: {said}",
            "Check DATABASE_URL, that the server runs, and the password of stoa_app.",
        )
        return
    parts: tuple[Callable[[], Iterator[Finding]], ...] = (_role, _walls, _migrations, _clock, _keys)
    for part in parts:
        try:
            yield from part()
        except DatabaseError as error:
            yield Finding(
                "database",
                Level.ERROR,
                f"a query failed: {type(error).__name__}: {error}".strip(),
                "Run the migrations: stoa manage migrate, or manage.py migrate.",
            )
    connection.close()


def _role() -> Iterator[Finding]:
    ((role, unbound, owned),) = _rows(
        "SELECT current_user, rolsuper OR rolbypassrls, (SELECT count(*) FROM pg_class WHERE"
        " relnamespace = 'public'::regnamespace AND pg_has_role(relowner, 'USAGE'))"
        " FROM pg_roles WHERE rolname = current_user"
    )
    if unbound:
        yield Finding(
            "database role",
            Level.ERROR,
            f"{role} is a superuser or bypasses row-level security: tenants see each other",
            f"ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS, or name stoa_app in DATABASE_URL.",
        )
    elif owned:
        yield Finding(
            "database role",
            Level.ERROR,
            f"{role} owns {owned} tables, or is a member of who does: it could take the wall down",
            "Name stoa_app in DATABASE_URL, and stoa_owner in DATABASE_OWNER_URL.",
        )
    else:
        yield Finding("database role", Level.OK, f"{role} owns nothing and is held by row-level security")


def _walls() -> Iterator[Finding]:
    """Every table of tenants has forced row-level security and the policy that asks for `app.tenant`."""
    expected = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model is Tenant or "tenant_id" in {field.attname for field in model._meta.concrete_fields}
    }
    found: dict[str, bool] = dict(_rows(_WALLS, sorted(expected)))
    open_ = sorted({table for table, forced in found.items() if not forced})
    missing = sorted(expected - set(found))
    if open_:
        yield Finding(
            "row-level security",
            Level.ERROR,
            f"not forced on: {', '.join(open_)}",
            "Restore a database whose migrations all ran; somebody has changed this one by hand.",
        )
    if missing:
        yield Finding(
            "row-level security", Level.ERROR, f"tables are missing: {', '.join(missing)}", "Run the migrations."
        )
    if not open_ and not missing:
        yield Finding("row-level security", Level.OK, f"forced on all {len(found)} tables of tenants")


def _migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    waiting = [
        f"{step.app_label}.{step.name}" for step, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())
    ]
    unknown = sorted(
        f"{app}.{name}"
        for app, name in set(executor.loader.applied_migrations) - set(executor.loader.disk_migrations)
        if app in executor.loader.migrated_apps
    )
    if waiting:
        names = ", ".join(waiting[:5]) + (" …" if len(waiting) > 5 else "")
        yield Finding(
            "migrations",
            Level.ERROR,
            f"{len(waiting)} have not run: {names}",
            "Run them as the owner: manage.py migrate with DATABASE_OWNER_URL.",
        )
    if unknown:
        yield Finding(
            "migrations",
            Level.WARNING,
            f"the database is ahead of this code: {', '.join(unknown[:5])}",
            "Finish the upgrade: this process is of an older version.",
        )
    if not waiting and not unknown:
        yield Finding("migrations", Level.OK, "all have run")


def _clock() -> Iterator[Finding]:
    before = time.time()
    ((theirs,),) = _rows("SELECT extract(epoch FROM clock_timestamp())::float8")
    skew = abs(theirs - (before + time.time()) / 2)
    if skew > SKEW_SECONDS:
        yield Finding(
            "clock",
            Level.ERROR,
            f"this host and PostgreSQL are {skew:.1f} s apart",
            "Let chrony or systemd-timesyncd keep both.",
        )
    else:
        yield Finding("clock", Level.OK, f"within {skew:.3f} s of PostgreSQL")


def _keys() -> Iterator[Finding]:
    """Whether the key-encryption keys of this environment are those that wrapped what the database holds."""
    remedy = "Set STOA_KEY_ENCRYPTION_KEY to the one that was backed up with this database."
    specs = settings.STOA_KEY_ENCRYPTION_KEYS
    if not specs:
        yield Finding("keys", Level.WARNING, "there is no key-encryption key: no secret can be stored", remedy)
        return
    try:
        ours = {key_encryption_key(spec).id for spec in specs}
    except ImproperlyConfigured as error:
        yield Finding("keys", Level.ERROR, str(error), remedy)
        return
    wrapped_by: set[str] = set()
    for tenant_id in lookups.all_tenant_ids()[:LOOKED_AT]:
        with acting_for(tenant_id):
            wrapped_by |= set(TenantKey.objects.values_list("wrapped_by", flat=True))
    if strange := wrapped_by - ours:
        yield Finding(
            "keys", Level.ERROR, f"data keys are wrapped by {', '.join(sorted(strange))}, which is not here", remedy
        )
    else:
        yield Finding("keys", Level.OK, "tenants' data keys are wrapped by keys that are here")


def _rows(sql: str, *arguments: list[str]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        return list(cursor.fetchall())


_WALLS = """
SELECT relname, relrowsecurity AND relforcerowsecurity
    AND EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid AND polname = 'tenant_wall')
FROM pg_class c
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND (relname = ANY(%s) OR EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id' AND NOT attisdropped))
"""
