"""Tasks as their owners see them. All of it runs inside `acting_for(tenant)`, and a change in its transaction.

Whoever is not the owner, at the endpoint where the task was made, is answered as if there were none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta

import msgspec
from django.db.models import QuerySet
from django.utils import timezone

from controlplane.audit import services as audit
from controlplane.tasks import parts, queueing
from controlplane.tasks.models import Task
from controlplane.tasks.parts import Kind
from mcp_runtime.ports import tasks as port
from mcp_runtime.ports.tasks import Owner, TaskLimit, TaskOrder
from mcp_runtime.protocol.messages import ErrorBody, Progress, ToolResult
from tenants.identifiers import is_id, new_id
from tenants.principal import Principal

MAX_UNFINISHED = 20_000
"""Tasks of one tenant that are not over; more are refused."""


def create(order: TaskOrder, *, acting: Principal | None, retry_of: str = "") -> Task:
    """Keep the order, the fact that somebody gave it, and that it waits for a worker: all or nothing. Raises
    TaskLimit."""
    if Task.objects.exclude(state__in=Task.OVER)[: MAX_UNFINISHED + 1].count() >= MAX_UNFINISHED:
        raise TaskLimit(MAX_UNFINISHED)
    now = timezone.now()
    task = Task(
        id=new_id("tsk"),
        tenant_id=order.principal.tenant,
        owner=digest(order.owner),
        subject=order.principal.subject[:255],
        endpoint_id=order.endpoint_id,
        endpoint=order.endpoint,
        version=order.version,
        method=order.method,
        name=order.name,
        request_id=order.request_id,
        retry_of=retry_of,
        progress_token=order.progress_token,
        retry=order.retry,
        poll_ms=order.poll_ms,
        ttl_ms=order.ttl_ms,
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(milliseconds=order.ttl_ms),
    )
    task.seal(msgspec.json.encode(order))
    queueing.queue(task)
    task.save(force_insert=True)
    audit.record(
        "task.created",
        tenant_id=task.tenant_id,
        acting=acting,
        target=task.id,
        after={"endpoint": task.endpoint, "version": task.version, "name": task.name, "retry_of": retry_of},
        request_id=order.request_id,
    )
    return task


def get(task_id: str, owner: Owner) -> port.Task | None:
    task = _own(owner).filter(pk=task_id).defer("sealed").first() if is_id(task_id, "tsk") else None
    return None if task is None else shown(task)


def list_of(owner: Owner, before: str | None, limit: int) -> Sequence[port.Task]:
    found = _own(owner).defer("sealed")
    if before is not None:
        found = found.filter(id__lt=before)
    return [_shown(task) for task in found[:limit]]


def answer(task_id: str, owner: Owner, answers: dict[str, msgspec.Raw]) -> bool:
    """Keep answers. A task that waits for the last of them without being run is queued again."""
    task = _locked(task_id, owner)
    if task is None:
        return False
    if task.over or not task.asking:
        return True
    dialogue = parts.dialogue_of(task)
    if dialogue.take(answers):
        parts.write(task, Kind.DIALOGUE, dialogue)
        task.asking = not dialogue.answered
        if dialogue.answered and task.state == Task.State.WAITING:
            queueing.queue(task)
        _save(task)
    return True


def cancel(task_id: str, owner: Owner, *, acting: Principal | None) -> port.Task | None:
    """End it, if it is not over; as it was before."""
    task = _locked(task_id, owner)
    if task is None:
        return None
    before = _shown(task)
    end_as_cancelled(task, acting=acting)
    return before


def end_as_cancelled(task: Task, *, acting: Principal | None) -> None:
    """The row is locked. Who runs it hears of it, and could write nothing more if they did not."""
    if task.over:
        return
    before = task.state
    task.state, task.asking, task.token = Task.State.CANCELLED, False, task.token + 1
    task.finished_at, task.leased_until = timezone.now(), None
    _save(task, cancelled=True)
    audit.record(
        "task.cancelled",
        tenant_id=task.tenant_id,
        acting=acting,
        target=task.id,
        before={"state": before},
        after={"state": task.state},
    )


def shown(task: Task) -> port.Task:
    """With what it asks or came to."""
    found = _shown(task)
    if task.asking:
        return msgspec.structs.replace(found, questions=parts.dialogue_of(task).open)
    if task.state == Task.State.COMPLETED:
        return msgspec.structs.replace(found, result=parts.read(task, Kind.RESULT, ToolResult))
    if task.state == Task.State.FAILED:
        return msgspec.structs.replace(found, error=parts.read(task, Kind.ERROR, ErrorBody))
    return found


def digest(owner: Owner) -> str:
    return hashlib.sha256("\n".join(owner.identity).encode()).hexdigest()


def _own(owner: Owner) -> QuerySet[Task]:
    return Task.objects.filter(owner=digest(owner), endpoint_id=owner.endpoint_id, expires_at__gt=timezone.now())


def _locked(task_id: str, owner: Owner) -> Task | None:
    if not is_id(task_id, "tsk"):
        return None
    return _own(owner).select_for_update(of=("self",)).filter(pk=task_id).first()


def _save(task: Task, *, cancelled: bool = False) -> None:
    task.updated_at = timezone.now()
    task.save(
        update_fields=["state", "asking", "token", "finished_at", "leased_until", "queued_at", "updated_at"]
    )  # fmt: skip
    queueing.tell(task.pk, cancelled=cancelled)


def _shown(task: Task) -> port.Task:
    return port.Task(
        id=task.id,
        status=_status(task),
        created_at=task.created_at.timestamp(),
        updated_at=task.updated_at.timestamp(),
        method=task.method,
        name=task.name,
        ttl_ms=task.ttl_ms,
        poll_ms=task.poll_ms,
        status_message=task.status_message or None,
        progress=None if task.progress is None else Progress(task.progress, task.total),
        progress_token=task.progress_token,
        is_error=task.tool_error,
    )


def _status(task: Task) -> port.TaskStatus:
    match task.state:
        case Task.State.COMPLETED:
            return "completed"
        case Task.State.FAILED:
            return "failed"
        case Task.State.CANCELLED:
            return "cancelled"
    return "input_required" if task.asking else "working"
