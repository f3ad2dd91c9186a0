"""What a tenant asks of its members and may have; keys of the installation; and the one way a tenant ends."""

from __future__ import annotations

from typing import ClassVar

import django.utils.timezone
from django.db import migrations, models

from tenants import rls

OLD_PLACES = rls.lookup_function(
    "tenants_of_user(wanted text)",
    returns="TABLE (id text, slug text, name text, status text, role text)",
    body=(
        "SELECT t.id, t.slug, t.name, t.status, m.role "
        "FROM public.tenants_membership m JOIN public.tenants_tenant t ON t.id = m.tenant_id "
        "WHERE m.user_id = wanted ORDER BY t.slug"
    ),
)

# Deletes what the application itself may not, such as the tenant's part of the audit record. So it asks for two things
# that only tenant deletion does: the transaction acts for this tenant, and the tenant is marked as being deleted.
# Foreign keys are checked when the transaction ends, so the order of the tables does not matter. Tables that come
# later are found by their column. The reserved slug stays: nobody else ever gets it.
ERASE = """
CREATE FUNCTION public.tenants_erase(wanted text) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $erase$
DECLARE
    place record;
BEGIN
    IF wanted IS DISTINCT FROM current_setting('app.tenant', true) THEN
        RAISE EXCEPTION 'A tenant is erased by a transaction that acts for it.';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM public.tenants_tenant t WHERE t.id = wanted AND t.status = 'deleting') THEN
        RAISE EXCEPTION 'A tenant is erased after it was marked as being deleted.';
    END IF;
    FOR place IN
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND a.attname = 'tenant_id' AND NOT a.attisdropped AND c.relname <> 'tenants_slug'
    LOOP
        EXECUTE format('DELETE FROM public.%I WHERE tenant_id = $1', place.relname) USING wanted;
    END LOOP;
    DELETE FROM public.tenants_tenant t WHERE t.id = wanted;
END
$erase$
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0003_lookups")]

    operations: ClassVar = [
        migrations.AlterField(
            model_name="tenant",
            name="status",
            field=models.CharField(
                choices=[("active", "Active"), ("suspended", "Suspended"), ("deleting", "Deleting")],
                default="active",
                max_length=16,
            ),
        ),
        migrations.AddField("tenant", "requires_second_factor", models.BooleanField(default=False)),
        migrations.AddField("tenant", "quotas", models.JSONField(blank=True, default=dict)),
        migrations.CreateModel(
            name="PlatformKey",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True)),
                ("wrapped", models.BinaryField()),
                ("wrapped_by", models.CharField(max_length=16)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
        ),
        # A function's columns cannot be changed, so it is made anew with one more.
        migrations.RunSQL("DROP FUNCTION public.tenants_of_user(text)", OLD_PLACES.sql),
        rls.lookup_function(
            "tenants_of_user(wanted text)",
            returns="TABLE (id text, slug text, name text, status text, role text, requires_second_factor boolean)",
            body=(
                "SELECT t.id, t.slug, t.name, t.status, m.role, t.requires_second_factor "
                "FROM public.tenants_membership m JOIN public.tenants_tenant t ON t.id = m.tenant_id "
                "WHERE m.user_id = wanted ORDER BY t.slug"
            ),
        ),
        migrations.RunSQL(
            [
                ERASE,
                "REVOKE ALL ON FUNCTION public.tenants_erase(text) FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION public.tenants_erase(text) TO {rls.APP_ROLE}",
            ],
            "DROP FUNCTION public.tenants_erase(text)",
        ),
    ]
