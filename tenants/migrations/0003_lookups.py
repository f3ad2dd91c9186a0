"""The few questions that span tenants, each a function that answers only what was asked."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from tenants import rls


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tenants", "0002_initial")]

    operations: ClassVar = [
        rls.let_owner_look_up("tenants_tenant"),
        rls.let_owner_look_up("tenants_membership"),
        rls.lookup_function(
            "tenants_by_slug(wanted text)",
            returns="TABLE (id text, slug text, name text, status text)",
            body="SELECT t.id, t.slug, t.name, t.status FROM public.tenants_tenant t WHERE t.slug = wanted",
        ),
        rls.lookup_function(
            "tenants_of_user(wanted text)",
            returns="TABLE (id text, slug text, name text, status text, role text)",
            body=(
                "SELECT t.id, t.slug, t.name, t.status, m.role "
                "FROM public.tenants_membership m JOIN public.tenants_tenant t ON t.id = m.tenant_id "
                "WHERE m.user_id = wanted ORDER BY t.slug"
            ),
        ),
        # For work that visits each tenant in turn (rotation, retention): identifiers only, then `acting_for` each.
        rls.lookup_function(
            "tenants_all()",
            returns="TABLE (id text)",
            body="SELECT t.id FROM public.tenants_tenant t ORDER BY t.id",
        ),
    ]
