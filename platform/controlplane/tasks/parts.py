"""Reading and writing what a task holds under seal."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from controlplane.tasks.models import Task, TaskPart
from mcp_runtime.ports.dialogues import Dialogue
from mcp_runtime.ports.tasks import TaskOrder
from mcp_runtime.protocol import codec

T = TypeVar("T")
Kind = TaskPart.Kind


def order_of(task: Task) -> TaskOrder:
    return msgspec.json.decode(task.unseal(), type=TaskOrder)


def dialogue_of(task: Task) -> Dialogue:
    found = read(task, Kind.DIALOGUE, Dialogue)
    return Dialogue(record=list(order_of(task).record)) if found is None else found


def read(task: Task, kind: TaskPart.Kind, type: type[T]) -> T | None:
    part = TaskPart.objects.filter(task=task, kind=kind).first()
    return None if part is None else msgspec.json.decode(part.unseal(), type=type)


def write(task: Task, kind: TaskPart.Kind, value: Any) -> None:
    """Replace a part. The caller holds the task's row."""
    part = TaskPart.objects.filter(task=task, kind=kind).first()
    if part is None:
        part = TaskPart(tenant_id=task.tenant_id, task=task, kind=kind)
    part.seal(codec.write(value))
    part.save()
