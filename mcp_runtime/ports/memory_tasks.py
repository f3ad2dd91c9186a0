"""The tasks port in memory, for a server that is run alone: its tasks run in this process, and end with it."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from mcp_runtime.ports.dialogues import Dialogue
from mcp_runtime.ports.tasks import (
    MAX_STATUS_MESSAGE,
    LeaseLost,
    Outcome,
    Owner,
    Task,
    TaskLimit,
    TaskOrder,
)
from mcp_runtime.protocol.messages import ErrorBody, Progress, Question, ToolResult

log = logging.getLogger("stoa.tasks")

MAX_TASKS = 1_000
"""Kept at once, finished ones among them; the oldest finished one makes room."""

Execute = Callable[[TaskOrder, "MemoryJournal"], Awaitable[Outcome]]


@dataclass(slots=True)
class _Kept:
    task: Task
    owner: Owner
    journal: MemoryJournal
    run: asyncio.Task[None] | None = None
    listeners: set[Callable[[], None]] = field(default_factory=set)


class MemoryTasks:
    """`execute` runs one order to its outcome; a gateway has it as `run_task`."""

    def __init__(self, execute: Execute, *, now: Callable[[], float] = time.time) -> None:
        self._execute = execute
        self._now = now
        self._kept: dict[str, _Kept] = {}

    async def start(self) -> None:
        """There is nobody else to hear from."""

    async def aclose(self) -> None:
        runs = [kept.run for kept in self._kept.values() if kept.run is not None]
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)

    async def create(self, order: TaskOrder) -> Task:
        self._make_room()
        task_id, now = f"tsk_{secrets.token_hex(16)}", self._now()
        task = Task(
            id=task_id, status="working", created_at=now, updated_at=now, method=order.method, name=order.name,
            ttl_ms=order.ttl_ms, poll_ms=order.poll_ms, progress_token=order.progress_token,
        )  # fmt: skip
        kept = _Kept(task, order.owner, MemoryJournal(self, task_id, Dialogue(record=list(order.record))))
        self._kept[task_id] = kept
        kept.run = asyncio.create_task(self._run(kept, order), name="task in memory")
        return task

    async def get(self, task_id: str, owner: Owner) -> Task | None:
        kept = self._found(task_id, owner)
        return None if kept is None else kept.task

    async def answer(self, task_id: str, owner: Owner, answers: dict[str, msgspec.Raw]) -> bool:
        kept = self._found(task_id, owner)
        if kept is None:
            return False
        if not kept.task.over and kept.journal.dialogue.take(answers):
            self._changed(kept, **_asking(kept.journal.dialogue))
            kept.journal.answered()
        return True

    async def cancel(self, task_id: str, owner: Owner) -> Task | None:
        kept = self._found(task_id, owner)
        if kept is None:
            return None
        before = kept.task
        if not before.over:
            self._changed(kept, status="cancelled", questions={})
            if kept.run is not None:
                kept.run.cancel()
        return before

    async def list(self, owner: Owner, *, before: str | None = None, limit: int = 50) -> Sequence[Task]:
        own = [kept.task for kept in reversed(self._kept.values()) if self._found(kept.task.id, owner) is kept]
        if before is not None:
            places = [place for place, task in enumerate(own) if task.id == before]
            own = own[places[0] + 1 :] if places else []
        return [msgspec.structs.replace(task, result=None) for task in own[:limit]]

    def watch(self, task_id: str, listener: Callable[[], None]) -> Callable[[], None]:
        kept = self._kept.get(task_id)
        if kept is None:
            return lambda: None
        kept.listeners.add(listener)
        return lambda: kept.listeners.discard(listener)

    def tell(self, task_id: str, progress: Progress) -> None:
        """A run says how far it is."""
        kept = self._kept.get(task_id)
        if kept is not None and not kept.task.over:
            message = progress.message
            said = kept.task.status_message if message is None else message[:MAX_STATUS_MESSAGE]
            self._changed(kept, progress=progress, status_message=said)

    def asks(self, task_id: str, dialogue: Dialogue) -> None:
        """A run waits for answers, or has them. Raises LeaseLost."""
        kept = self._kept.get(task_id)
        if kept is None or kept.task.over:
            raise LeaseLost
        self._changed(kept, **_asking(dialogue))

    async def _run(self, kept: _Kept, order: TaskOrder) -> None:
        try:
            outcome = await self._execute(order, kept.journal)
        except LeaseLost:
            return
        except Exception:  # nobody awaits this run: what it raises has to end the task, or its client waits for ever
            log.exception("The task %s failed inside the gateway.", kept.task.id)
            outcome = ErrorBody(-32603, "The platform failed to run this task.")
        if kept.task.over:
            return
        if isinstance(outcome, ToolResult):
            self._changed(kept, status="completed", result=outcome, is_error=outcome.is_error is True, questions={})
        elif isinstance(outcome, ErrorBody):
            self._changed(kept, status="failed", error=outcome, status_message=outcome.message, questions={})

    def _changed(self, kept: _Kept, **changes: object) -> None:
        kept.task = msgspec.structs.replace(kept.task, updated_at=self._now(), **changes)
        for listener in tuple(kept.listeners):
            listener()

    def _found(self, task_id: str, owner: Owner) -> _Kept | None:
        kept = self._kept.get(task_id)
        if kept is None or kept.owner != owner or kept.task.created_at + kept.task.ttl_ms / 1000 < self._now():
            return None
        return kept

    def _make_room(self) -> None:
        """Raises TaskLimit."""
        if len(self._kept) < MAX_TASKS:
            return
        over = next((task_id for task_id, kept in self._kept.items() if kept.task.over), None)
        if over is None:
            raise TaskLimit(MAX_TASKS)
        del self._kept[over]


class MemoryJournal:
    """What the run of one task writes. It waits for answers as long as it takes: nobody else needs the place."""

    def __init__(self, tasks: MemoryTasks, task_id: str, dialogue: Dialogue) -> None:
        self.task_id = task_id
        self.dialogue = dialogue
        self._tasks = tasks
        self._answers = asyncio.Event()

    def heard(self, method: str, params: msgspec.Raw) -> None:
        if method == "notifications/progress":
            try:
                progress = _progress(params)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                return  # what a server says is not to be trusted
            self._tasks.tell(self.task_id, progress)

    async def ask(self, questions: dict[str, Question], *, state: str | None, returned: bool) -> dict[str, msgspec.Raw]:
        dialogue = self.dialogue
        keys = dialogue.put(questions, state=state, returned=returned)
        self._tasks.asks(self.task_id, dialogue)
        while dialogue.open.keys() & set(keys):
            self._answers.clear()
            await self._answers.wait()
        answers = dialogue.settle(keys)
        self._tasks.asks(self.task_id, dialogue)
        return dict(zip(questions, answers, strict=True))

    def answered(self) -> None:
        self._answers.set()


def _asking(dialogue: Dialogue) -> dict[str, object]:
    return {"status": "input_required" if dialogue.open else "working", "questions": dialogue.open}


_progress = msgspec.json.Decoder(Progress).decode
