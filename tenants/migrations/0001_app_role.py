"""What the application's role may do: read and write rows. It owns nothing, and tables made later follow by default."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

CHECK_ROLE = """
DO $check$
DECLARE app pg_roles%ROWTYPE;
BEGIN
    SELECT * INTO app FROM pg_roles WHERE rolname = 'stoa_app';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'The role stoa_app does not exist.'
            USING HINT = 'As an administrator: CREATE ROLE stoa_app LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD ''...''.';
    ELSIF app.rolsuper OR app.rolbypassrls THEN
        RAISE EXCEPTION 'The role stoa_app could bypass row-level security.'
            USING HINT = 'As an administrator: ALTER ROLE stoa_app NOSUPERUSER NOBYPASSRLS.';
    ELSIF current_user = 'stoa_app' OR pg_has_role('stoa_app', current_user, 'MEMBER') THEN
        RAISE EXCEPTION 'Migrations run as stoa_app, or as a role that stoa_app belongs to.'
            USING HINT = 'Give DATABASE_OWNER_URL a role of its own, such as stoa_owner, and revoke it from stoa_app.';
    END IF;
END
$check$
"""

GRANTS = [
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    "GRANT USAGE ON SCHEMA public TO stoa_app",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO stoa_app",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO stoa_app",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO stoa_app",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO stoa_app",
    # It may see which migrations have run, not say so.
    "REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM stoa_app",
]

REVOKES = [
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON SEQUENCES FROM stoa_app",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM stoa_app",
    "REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM stoa_app",
    "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM stoa_app",
    "REVOKE USAGE ON SCHEMA public FROM stoa_app",
]


class Migration(migrations.Migration):
    dependencies: ClassVar = []

    operations: ClassVar = [
        migrations.RunSQL(CHECK_ROLE, migrations.RunSQL.noop),
        migrations.RunSQL("; ".join(GRANTS), "; ".join(REVOKES)),
    ]
