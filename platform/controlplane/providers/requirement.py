"""A tenant that requires its provider: accounts with a password act there no longer, but for those of its owners.

An owner's password is the way back in when the provider is broken, or gone.
"""

from __future__ import annotations

from django.db import connection

from controlplane.accounts.models import User
from tenants.lookups import TenantOfUser


def signs_in_as_the_tenant_wants(user: User, place: TenantOfUser) -> bool:
    """An account whose home is a tenant was vouched for by that tenant's provider; all others have passwords."""
    return bool(user.home) or place.role == "owner" or not requires_provider(place.tenant.id)


def requires_provider(tenant_id: str) -> bool:
    """Asked from outside the tenant, so of a function that answers nothing else."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT public.providers_required(%s)", [tenant_id])
        return bool(cursor.fetchone()[0])
