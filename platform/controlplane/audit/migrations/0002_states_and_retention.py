"""States in place of their digests, and the one way in which entries end: by age, and never a young one."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

from tenants.rls import APP_ROLE


class Migration(migrations.Migration):
    dependencies: ClassVar = [("audit", "0001_initial")]

    operations: ClassVar = [
        migrations.RemoveField("entry", "before"),
        migrations.RemoveField("entry", "after"),
        migrations.AddField("entry", "before", models.JSONField(null=True)),
        migrations.AddField("entry", "after", models.JSONField(null=True)),
        migrations.AddIndex("entry", models.Index(fields=["at"], name="audit_entry_by_age")),
        migrations.RunSQL(
            sql=[
                (
                    "CREATE POLICY owner_finds_old ON audit_entry FOR SELECT TO CURRENT_USER "
                    "USING (at < now() - interval '30 days')"
                ),
                (
                    "CREATE POLICY owner_forgets_old ON audit_entry FOR DELETE TO CURRENT_USER "
                    "USING (at < now() - interval '30 days')"
                ),
                (
                    "CREATE FUNCTION public.audit_forget(keep_from timestamptz) RETURNS bigint LANGUAGE plpgsql "
                    "SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $forget$ "
                    "DECLARE gone bigint; "
                    "BEGIN "
                    "DELETE FROM public.audit_entry WHERE at < least(keep_from, now() - interval '30 days'); "
                    "GET DIAGNOSTICS gone = ROW_COUNT; "
                    "RETURN gone; "
                    "END $forget$"
                ),
                "REVOKE ALL ON FUNCTION public.audit_forget(timestamptz) FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION public.audit_forget(timestamptz) TO {APP_ROLE}",
            ],
            reverse_sql=[
                "DROP FUNCTION public.audit_forget(timestamptz)",
                "DROP POLICY owner_forgets_old ON audit_entry",
                "DROP POLICY owner_finds_old ON audit_entry",
            ],
        ),
    ]
