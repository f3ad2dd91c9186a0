"""The second wall between tenants: forced row-level security, as operations for migrations.

FROZEN: migrations that have run called these functions, so the SQL of an existing one never changes. A new policy
gets a new function.

PostgreSQL compares each row with `app.tenant`, which `context.acting_for` sets for one transaction. Unset, it is
NULL (or empty), and no row matches. FORCE holds the tables' owner as well; only a superuser or a role with BYPASSRLS
would pass, so the application's role is neither (LIBRARIES 3.2, "Tenancy").
"""

from __future__ import annotations

import re

from django.db.migrations import RunSQL

APP_ROLE = "stoa_app"
"""The role that web, workers and commands log in as."""


def force_row_security(table: str, *, column: str = "tenant_id") -> RunSQL:
    """Rows are seen, written and kept only by the tenant named in `column`."""
    check = f"{_name(column)} = current_setting('app.tenant', true)"
    return RunSQL(
        sql=[
            f"ALTER TABLE {_name(table)} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {_name(table)} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant_wall ON {_name(table)} USING ({check}) WITH CHECK ({check})",
        ],
        reverse_sql=[
            f"DROP POLICY tenant_wall ON {_name(table)}",
            f"ALTER TABLE {_name(table)} NO FORCE ROW LEVEL SECURITY",
            f"ALTER TABLE {_name(table)} DISABLE ROW LEVEL SECURITY",
        ],
    )


def let_owner_look_up(table: str) -> RunSQL:
    """The tables' owner may read all rows, so that a SECURITY DEFINER function of its own can find one.

    Nobody works as the owner: it logs in for migrations only. The application's role gains nothing but the function.
    """
    return RunSQL(
        sql=f"CREATE POLICY owner_lookup ON {_name(table)} FOR SELECT TO CURRENT_USER USING (true)",
        reverse_sql=f"DROP POLICY owner_lookup ON {_name(table)}",
    )


def lookup_function(signature: str, *, returns: str, body: str) -> RunSQL:
    """A function that finds rows across tenants, run with its owner's rights and granted to the application only.

    The pinned search_path keeps a caller's own objects out of it; so `body` names tables as `public.<table>`.
    """
    function = re.sub(r"\b[a-z_]+ (?=text\b)", "", signature)
    return RunSQL(
        sql=[
            (
                f"CREATE FUNCTION public.{signature} RETURNS {returns} LANGUAGE sql STABLE SECURITY DEFINER "
                f"SET search_path = pg_catalog, pg_temp AS $lookup$ {body} $lookup$"
            ),
            f"REVOKE ALL ON FUNCTION public.{function} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION public.{function} TO {APP_ROLE}",
        ],
        reverse_sql=f"DROP FUNCTION public.{function}",
    )


def append_only(table: str) -> RunSQL:
    """The application may read and add rows, and never change or delete one."""
    return RunSQL(
        sql=f"REVOKE UPDATE, DELETE ON {_name(table)} FROM {APP_ROLE}",
        reverse_sql=f"GRANT UPDATE, DELETE ON {_name(table)} TO {APP_ROLE}",
    )


def _name(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"{name!r} is not a plain lower-case SQL name.")
    return name
