"""The questions asked before a tenant is known. Each is a SQL function that answers only what was asked.

They run with the rights of the tables' owner (SECURITY DEFINER); the application's role sees no row of another
tenant by any other way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from django.db import connection

from tenants.roles import Role


@dataclass(frozen=True, slots=True)
class TenantSummary:
    """What may be known of a tenant from outside it."""

    id: str
    slug: str
    name: str
    status: str

    @property
    def active(self) -> bool:
        return self.status == "active"


@dataclass(frozen=True, slots=True)
class TenantOfUser:
    """A tenant that a user belongs to, and their role there."""

    tenant: TenantSummary
    role: Role
    requires_second_factor: bool
    """Whether the tenant wants one of members who sign in with a password."""


def tenant_by_slug(slug: str) -> TenantSummary | None:
    rows = _call("SELECT * FROM public.tenants_by_slug(%s)", slug)
    return TenantSummary(*rows[0]) if rows else None


def tenants_of_user(user_id: str) -> list[TenantOfUser]:
    """By slug; empty for a user who belongs nowhere."""
    rows = _call("SELECT * FROM public.tenants_of_user(%s)", user_id)
    return [TenantOfUser(TenantSummary(*row[:4]), cast("Role", row[4]), bool(row[5])) for row in rows]


def all_tenant_ids() -> list[str]:
    """For platform work that visits every tenant in turn, each inside its own `acting_for`."""
    return [row[0] for row in _call("SELECT * FROM public.tenants_all()")]


def _call(sql: str, *arguments: str) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        rows: list[tuple[str, ...]] = cursor.fetchall()
    return rows
