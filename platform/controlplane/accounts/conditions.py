"""Further conditions on acting in a tenant, by apps that stand above this one: they add theirs when they start.

    conditions.ALL.append(signs_in_as_the_tenant_wants)

A member for whom one does not hold acts there no more than an outsider.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from controlplane.accounts.models import User
from tenants.lookups import TenantOfUser

Condition = Callable[[User, TenantOfUser], bool]

ALL: Final[list[Condition]] = []


def hold(user: User, place: TenantOfUser) -> bool:
    return all(condition(user, place) for condition in ALL)
