"""How much a tenant may have: one table. A platform administrator changes a tenant's numbers, by name.

Each is checked where the thing is made, inside the maker's transaction: two at once may pass the last free place
together, which a limit of this kind can bear. What runs at once is bounded by gateways, for all tenants alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

from tenants.models import Tenant

Quota = Literal["servers", "endpoints", "members", "keys"]

DEFAULTS: Final[Mapping[Quota, int]] = {
    "servers": 500,
    "endpoints": 1_000,
    "members": 1_000,
    "keys": 5_000,  # those that are valid
}
MOST: Final = 1_000_000


class QuotaExceededError(Exception):
    """The tenant has as many as it may have."""

    def __init__(self, name: Quota, limit: int) -> None:
        super().__init__(f"The tenant has {limit} {name} already, which is its limit {name}.")
        self.name = name
        self.limit = limit


class InvalidQuotaError(ValueError):
    def __init__(self, name: str) -> None:
        names = ", ".join(get_args(Quota))
        super().__init__(f"{name[:60]!r} is no limit, or its number is not 0 to {MOST:,}. Limits: {names}.")


def limits_of(tenant: Tenant) -> dict[Quota, int]:
    """All of a tenant's limits: its own and, for the rest, the defaults."""
    return {name: _number(tenant.quotas.get(name), default) for name, default in DEFAULTS.items()}


def check(name: Quota, count: int) -> None:
    """Whether one more fits beside `count`. Inside `acting_for`. Raises QuotaExceededError."""
    limit = _number(Tenant.objects.values_list("quotas", flat=True).get().get(name), DEFAULTS[name])
    if count >= limit:
        raise QuotaExceededError(name, limit)


def set_limits(changes: Mapping[str, int | None]) -> dict[Quota, int]:
    """Change the current tenant's limits; None goes back to the default. Raises InvalidQuotaError."""
    tenant = Tenant.objects.select_for_update().get()
    own = dict(tenant.quotas)
    for name, number in changes.items():
        if name not in DEFAULTS or not (number is None or _is_limit(number)):
            raise InvalidQuotaError(name)
        own.pop(name, None)
        if number is not None:
            own[name] = number
    tenant.quotas = own
    tenant.save(update_fields=["quotas"])
    return limits_of(tenant)


def _number(own: object, default: int) -> int:
    return own if isinstance(own, int) and _is_limit(own) else default


def _is_limit(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= MOST
