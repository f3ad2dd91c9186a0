"""Who runs a task: claimed with a token that counts on, so that whoever lost a task can write nothing more into it.

All of it runs inside `acting_for(tenant)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.utils import timezone

from controlplane.tasks import parts, queueing
from controlplane.tasks.models import Task
from controlplane.tasks.parts import Kind
from mcp_runtime.ports.dialogues import Dialogue
from mcp_runtime.ports.tasks import MAX_STATUS_MESSAGE, LeaseLost, Outcome, TaskOrder
from mcp_runtime.protocol.messages import ErrorBody, LogMessage, Progress, Question, ToolResult

LEASE_SECONDS = 20.0
"""A worker that says nothing for so long is dead: with the sweep's time its tasks go on within 35 s."""
MAX_CRASHES = 3
"""After so many runs that were cut off, none of which came further than those before, it is the task: it is put into
quarantine, for people to look at."""
MAX_LOG = 50
"""Log messages kept, the last ones."""

_CUT_OFF = "The worker that ran this task went away, and the tool does not say that it may be called twice."
_QUARANTINED = f"The task was begun {MAX_CRASHES} times, and what ran it went away each time. It is not tried again."
_INTERNAL = -32603


@dataclass(frozen=True, slots=True)
class Claim:
    """A task, and the right to write what becomes of it."""

    tenant_id: str
    task_id: str
    token: int
    order: TaskOrder
    dialogue: Dialogue
    until: datetime
    """When it expires."""


def claim(task_id: str) -> Claim | None:
    """Take the task, if it waits or its worker is dead. None when there is nothing to do; a message that is delivered
    twice finds that."""
    task = Task.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=task_id).first()
    now = timezone.now()
    if task is None or task.over or task.expires_at <= now:
        return None
    if task.state == Task.State.RUNNING:
        if task.leased_until is not None and task.leased_until > now:
            return None
        if not _may_go_on(task):
            return None
    elif task.state != Task.State.QUEUED:
        return None
    task.state, task.token = Task.State.RUNNING, task.token + 1
    task.leased_until = _lease()
    task.save(update_fields=["state", "token", "leased_until", "crashes"])
    return Claim(
        task.tenant_id, task.pk, task.token, parts.order_of(task), parts.dialogue_of(task), task.expires_at
    )  # fmt: skip


def renew(tokens: Mapping[str, int]) -> set[str]:
    """Say that their worker lives; which of these tasks are still its own."""
    rows = Task.objects.select_for_update(of=("self",)).filter(pk__in=list(tokens), state=Task.State.RUNNING)
    ours = {pk for pk, token in rows.values_list("pk", "token") if tokens[pk] == token}
    Task.objects.filter(pk__in=ours).update(leased_until=_lease())
    return ours


def report(claim: Claim, progress: Progress | None, log: Sequence[LogMessage]) -> None:
    """Write down how far a run is. Raises LeaseLost.

    One that was begun again starts below what is written, and that stays; once it comes further, the runs before it
    were not in vain, and their crashes are forgotten.
    """
    task = _ours(claim)
    changes: dict[str, Any] = {"updated_at": timezone.now()}
    if progress is not None:
        if task.progress is None or progress.progress > task.progress:
            changes |= {"progress": progress.progress, "total": progress.total, "crashes": 0}
        if progress.message is not None:
            changes["status_message"] = _storable(progress.message)
    Task.objects.filter(pk=task.pk).update(**changes)
    if log:
        before = parts.read(task, Kind.LOG, list[LogMessage]) or []
        parts.write(task, Kind.LOG, [*before, *log][-MAX_LOG:])
    queueing.tell(task.pk)


def ask(claim: Claim, questions: dict[str, Question], *, state: str | None, returned: bool) -> list[str]:
    """Show questions to the owner; their keys. Raises LeaseLost, TooManyQuestions."""
    task = _ours(claim)
    dialogue = parts.dialogue_of(task)
    keys = dialogue.put(questions, state=state, returned=returned)
    _keep(task, dialogue)
    return keys


def answers(claim: Claim, keys: list[str], *, park: bool) -> list[msgspec.Raw] | None:
    """The answers, once all are there. Without them None, and with `park` the task waits from now on without being
    run: the last answer queues it. Raises LeaseLost."""
    task = _ours(claim)
    dialogue = parts.dialogue_of(task)
    if dialogue.open.keys() & set(keys):
        if park:
            Task.objects.filter(pk=task.pk).update(state=Task.State.WAITING, leased_until=None)
        return None
    found = dialogue.settle(keys)
    _keep(task, dialogue)
    return found


def finish(claim: Claim, outcome: Outcome) -> bool:
    """Keep what the task came to, if it is still ours to say."""
    try:
        task = _ours(claim)
    except LeaseLost:
        return False
    if isinstance(outcome, ToolResult):
        task.state, task.tool_error = Task.State.COMPLETED, outcome.is_error is True
        parts.write(task, Kind.RESULT, outcome)
        _end(task)
    else:
        _fail(task, outcome)
    return True


def give_back(claim: Claim, *, cut_off: str = "", crashed: bool = False) -> None:
    """The run ends without an outcome: its worker stops, or what ran the tool went away (`cut_off` says how), perhaps
    because of the tool (`crashed`)."""
    try:
        task = _ours(claim)
    except LeaseLost:
        return
    if not _may_go_on(task, crashed=crashed, why=cut_off):
        return
    queueing.queue(task)
    task.save(update_fields=["state", "queued_at", "leased_until", "crashes"])


def _may_go_on(task: Task, *, crashed: bool = True, why: str = "") -> bool:
    """Whether a run that was cut off may be begun again; else the task has failed."""
    if not task.retry:
        _fail(task, ErrorBody(_INTERNAL, why or _CUT_OFF))
        return False
    task.crashes += crashed
    if task.crashes >= MAX_CRASHES:
        task.quarantined = True
        _fail(task, ErrorBody(_INTERNAL, _QUARANTINED))
        return False
    return True


def _ours(claim: Claim) -> Task:
    """The row, locked. Raises LeaseLost."""
    rows = Task.objects.select_for_update(of=("self",)).filter(
        pk=claim.task_id, token=claim.token, state=Task.State.RUNNING
    )
    task = rows.defer("sealed").first()
    if task is None:
        raise LeaseLost
    return task


def _keep(task: Task, dialogue: Dialogue) -> None:
    parts.write(task, Kind.DIALOGUE, dialogue)
    Task.objects.filter(pk=task.pk).update(asking=bool(dialogue.open), updated_at=timezone.now())
    queueing.tell(task.pk)


def _fail(task: Task, error: ErrorBody) -> None:
    task.state, task.status_message = Task.State.FAILED, _storable(error.message)
    parts.write(task, Kind.ERROR, error)
    _end(task)


def _end(task: Task) -> None:
    task.asking, task.leased_until = False, None
    task.finished_at = task.updated_at = timezone.now()
    fields = ["state", "asking", "leased_until", "finished_at", "updated_at", "status_message", "tool_error"]
    task.save(update_fields=[*fields, "crashes", "quarantined"])
    queueing.tell(task.pk)


def _lease() -> datetime:
    return timezone.now() + timedelta(seconds=LEASE_SECONDS)


def _storable(text: str) -> str:
    """PostgreSQL's text stores no NUL and no half of a surrogate pair."""
    return text[:MAX_STATUS_MESSAGE].replace("\0", "\ufffd").encode("utf-8", "replace").decode()
