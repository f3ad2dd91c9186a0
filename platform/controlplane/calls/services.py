"""What was called: searched, counted, forgotten. All but `forget` runs inside `acting_for(tenant)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from controlplane.calls.models import Call
from tenants import lookups
from tenants.context import acting_for
from tenants.principal import Principal
from tenants.roles import require

FILTERS: Final = ("endpoint", "name", "method", "subject", "outcome", "request_id")
BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Minute:
    """What was asked of the tenant's endpoints in one minute."""

    at: datetime
    calls: int
    failed: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The last hour."""

    minutes: tuple[Minute, ...]
    """60 of them, the oldest first, those without a call too."""
    calls: int
    failed: int
    """Not `ok`: tools' own errors, refusals, callers who hung up."""
    p50: float | None
    """Milliseconds; None without a call."""
    p95: float | None


def calls(
    wanted: Mapping[str, str], *, before: int | None = None, limit: int = 50, acting: Principal | None
) -> list[Call]:
    """The newest first, behind `before`; of `FILTERS` those that are given hold exactly.

    `outcome=failed` is every outcome but `ok`. Raises NotPermittedError.
    """
    require(acting, "calls:read")
    found: QuerySet[Call] = Call.objects.all()
    for key in FILTERS:
        value = wanted.get(key, "")
        if key == "outcome" and value == "failed":
            found = found.exclude(outcome="ok")
        elif value:
            found = found.filter(**{key: value})
    if before is not None:
        found = found.filter(id__lt=before)
    return list(found[:limit])


def latest(endpoint: str, *, acting: Principal | None) -> Call | None:
    """The newest request to an endpoint, by its slug. Raises NotPermittedError."""
    require(acting, "calls:read")
    return Call.objects.filter(endpoint=endpoint).first()


def overview(*, acting: Principal | None) -> Overview:
    """Raises NotPermittedError."""
    require(acting, "calls:read")
    now = timezone.now().replace(second=0, microsecond=0)
    since = now - timedelta(minutes=59)
    with connection.cursor() as cursor:
        cursor.execute(_MINUTES, [acting.tenant if acting else None, since])
        counted = {at: (calls, failed) for at, calls, failed in cursor.fetchall()}
        cursor.execute(_TIMES, [acting.tenant if acting else None, since])
        ((p50, p95),) = cursor.fetchall()
    minutes = tuple(
        Minute(at, *counted.get(at, (0, 0))) for at in (since + timedelta(minutes=number) for number in range(60))
    )
    return Overview(minutes, sum(one.calls for one in minutes), sum(one.failed for one in minutes), p50, p95)


def forget() -> int:
    """Delete what is older than `STOA_CALLS_KEEP_DAYS`, of every tenant; how many there were."""
    until = timezone.now() - timedelta(days=settings.STOA_CALLS_KEEP_DAYS)
    return sum(_forget(tenant_id, until) for tenant_id in lookups.all_tenant_ids())


def _forget(tenant_id: str, until: datetime) -> int:
    """In batches: one long transaction would hold up vacuum for everybody."""
    total = 0
    while True:
        with acting_for(tenant_id):
            old = list(Call.objects.filter(at__lt=until).order_by("id").values_list("id", flat=True)[:BATCH])
            deleted, _ = Call.objects.filter(id__in=old).delete()
        total += deleted
        if len(old) < BATCH:
            return total


_MINUTES = """
SELECT date_trunc('minute', at), count(*), count(*) FILTER (WHERE outcome <> 'ok')
FROM calls_call WHERE tenant_id = coalesce(%s, current_setting('app.tenant')) AND at >= %s GROUP BY 1
"""

_TIMES = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), percentile_cont(0.95) WITHIN GROUP (ORDER BY ms)
FROM calls_call WHERE tenant_id = coalesce(%s, current_setting('app.tenant')) AND at >= %s
"""
