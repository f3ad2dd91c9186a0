"""The runtime's tasks port (`mcp_runtime.ports.tasks.Tasks`) over the tenants' rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

import msgspec
from django.db import InterfaceError, OperationalError

from controlplane.announcements import TASKS, end, listen
from controlplane.tasks import records
from mcp_runtime.ports.tasks import Owner, Task, TaskOrder, TasksUnavailable
from tenants.context import run_acting_for
from tenants.principal import Principal

P = ParamSpec("P")
R = TypeVar("R")


class DatabaseTasks:
    """Asks Postgres each time, in a thread; hears of changes over Redis."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Callable[[], None]]] = {}
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._following is None:
            self._following = asyncio.create_task(self._follow(), name="tasks: follow changes")

    async def aclose(self) -> None:
        if self._following is not None:
            await end(self._following)
            self._following = None

    async def create(self, order: TaskOrder) -> Task:
        return await _acting(order.owner, _create, order)

    async def get(self, task_id: str, owner: Owner) -> Task | None:
        return await _acting(owner, records.get, task_id, owner)

    async def answer(self, task_id: str, owner: Owner, answers: dict[str, msgspec.Raw]) -> bool:
        return await _acting(owner, records.answer, task_id, owner, answers)

    async def cancel(self, task_id: str, owner: Owner) -> Task | None:
        return await _acting(owner, _cancel, task_id, owner)

    async def list(self, owner: Owner, *, before: str | None = None, limit: int = 50) -> Sequence[Task]:
        return await _acting(owner, records.list_of, owner, before, limit)

    def watch(self, task_id: str, listener: Callable[[], None]) -> Callable[[], None]:
        self._listeners.setdefault(task_id, set()).add(listener)

        def stop() -> None:
            listeners = self._listeners.get(task_id)
            if listeners is not None:
                listeners.discard(listener)
                if not listeners:
                    del self._listeners[task_id]

        return stop

    async def _follow(self) -> None:
        async for message in listen(TASKS):
            if message is None:  # something may have been missed
                woken = [listener for listeners in self._listeners.values() for listener in listeners]
            else:
                woken = list(self._listeners.get(message.partition(" ")[0], ()))
            for listener in woken:
                listener()


def _create(order: TaskOrder) -> Task:
    return records.shown(records.create(order, acting=order.principal))


def _cancel(task_id: str, owner: Owner) -> Task | None:
    tenant_id, issuer, subject, client_id = owner.identity
    acting = Principal(
        tenant_id, issuer, subject, "client", client_id, frozenset(), frozenset(), owner.endpoint_id
    )  # fmt: skip
    return records.cancel(task_id, owner, acting=acting)


async def _acting(owner: Owner, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return await run_acting_for(owner.tenant_id, function, *args, **kwargs)
    except (OperationalError, InterfaceError) as error:
        raise TasksUnavailable(str(error)) from error
