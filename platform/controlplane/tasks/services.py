"""Tasks as a tenant's members see them: what runs for whom, and how it ends. Arguments and results are its owner's.

All but `forget` runs inside `acting_for(tenant)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from controlplane.tasks import parts, records
from controlplane.tasks.models import Task
from controlplane.tasks.parts import Kind
from mcp_runtime.protocol.messages import LogMessage
from tenants import lookups
from tenants.context import acting_for
from tenants.principal import Principal
from tenants.roles import require

FILTERS: Final = ("state", "endpoint", "name", "subject")
UNFINISHED: Final = "unfinished"
"""A state to ask for: whatever is not over."""
BATCH = 1_000


class TaskNotFoundError(LookupError):
    def __init__(self, task_id: str) -> None:
        super().__init__(f"There is no task {task_id[:64]!r}, or its time is over.")


class TaskNotOverError(Exception):
    def __init__(self, task: Task) -> None:
        super().__init__(f"The task {task.id} is {task.state}: only one that is over can be done once more.")


def tasks(
    wanted: Mapping[str, str], *, before: str | None = None, limit: int = 50, acting: Principal | None
) -> list[Task]:
    """The newest first, behind the one named `before`; of `FILTERS` those that are given hold exactly. Raises
    NotPermittedError."""
    require(acting, "calls:read")
    found = _readable()
    for key in FILTERS:
        value = wanted.get(key, "")
        if key == "state" and value == UNFINISHED:
            found = found.exclude(state__in=Task.OVER)
        elif value:
            found = found.filter(**{key: value})
    if before:
        found = found.filter(id__lt=before)
    return list(found[:limit])


def task(task_id: str, *, acting: Principal | None) -> Task:
    """Raises TaskNotFoundError, NotPermittedError."""
    require(acting, "calls:read")
    found = _readable().filter(pk=task_id).first()
    if found is None:
        raise TaskNotFoundError(task_id)
    return found


def log_of(one: Task, *, acting: Principal | None) -> list[LogMessage]:
    """The last messages that the tool logged. Raises NotPermittedError."""
    require(acting, "calls:read")
    return parts.read(one, Kind.LOG, list[LogMessage]) or []


def cancel(task_id: str, *, acting: Principal | None) -> Task:
    """End a task, whoever's it is. One that is over stays as it is. Raises TaskNotFoundError, NotPermittedError."""
    require(acting, "endpoints:write")
    found = _locked(task_id)
    records.end_as_cancelled(found, acting=acting)
    return found


def retry(task_id: str, *, acting: Principal | None) -> Task:
    """Do what an ended task was to do once more, for the same owner, as a task of its own: what is over stays as it is
    (PROTOCOL TK-02). Raises TaskNotFoundError, TaskNotOverError, TaskLimit, NotPermittedError."""
    require(acting, "endpoints:write")
    found = _locked(task_id)
    if not found.over:
        raise TaskNotOverError(found)
    return records.create(parts.order_of(found), acting=acting, retry_of=found.id)


def forget() -> int:
    """Delete what can be read no more, of every tenant; how many there were."""
    return sum(_forget(tenant_id) for tenant_id in lookups.all_tenant_ids())


def _forget(tenant_id: str) -> int:
    """In batches: one long transaction would hold up vacuum for everybody."""
    total = 0
    while True:
        with acting_for(tenant_id):
            old = list(Task.objects.filter(expires_at__lt=timezone.now()).values_list("id", flat=True)[:BATCH])
            Task.objects.filter(id__in=old).delete()
        total += len(old)
        if len(old) < BATCH:
            return total


def _readable() -> QuerySet[Task]:
    return Task.objects.filter(expires_at__gt=timezone.now()).defer("sealed")


def _locked(task_id: str) -> Task:
    found = Task.objects.select_for_update(of=("self",)).filter(pk=task_id, expires_at__gt=timezone.now()).first()
    if found is None:
        raise TaskNotFoundError(task_id)
    return found
