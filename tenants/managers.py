"""The first wall between tenants: a manager that knows only the current one's rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import models

from tenants.context import require_tenant_id

M_co = TypeVar("M_co", bound=models.Model, covariant=True)


class TenantManager(models.Manager[M_co]):
    """Raises NoTenantError outside `acting_for`; inside, every query is limited to that tenant."""

    tenant_column = "tenant_id"

    def get_queryset(self) -> models.QuerySet[M_co]:
        tenant_id = require_tenant_id(f"Rows of {self.model._meta.label}")
        return super().get_queryset().filter(**{self.tenant_column: tenant_id})

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[M_co]:
        """`bulk_create` calls no `save`, so the tenant is filled in here."""
        objs = list(objs)
        for obj in objs:
            obj.fill_in_tenant()
        return super().bulk_create(objs, *args, **kwargs)


class TenantsOwnManager(TenantManager[M_co]):
    """For the table of tenants itself, whose rows are the tenants."""

    tenant_column = "id"
