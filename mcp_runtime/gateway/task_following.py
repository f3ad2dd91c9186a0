"""`tasks/result` of 2025-11-25: its stream stays open until the task is over, and carries what the task asks and says.

A client that hangs up and asks again goes on where the task is; questions without an answer are asked once more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

import msgspec

from mcp_runtime.gateway.answers import why_not
from mcp_runtime.gateway.dispatch import Call
from mcp_runtime.gateway.task_wire import STATUS, legacy, related
from mcp_runtime.ports.sandboxes import UpstreamError
from mcp_runtime.ports.tasks import Owner, Task, Tasks
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import UnknownTask
from mcp_runtime.protocol.messages import NotificationMessage, Progress, Question

LOOK_SECONDS = 5.0
"""After so long without a word about the task it is looked at all the same."""

log = logging.getLogger("stoa.tasks")


async def follow(call: Call, tasks: Tasks, task_id: str, owner: Owner) -> Task:
    """The task, once it is over. Raises UnknownTask."""
    asked: dict[str, asyncio.Task[None]] = {}
    changed = asyncio.Event()
    before: Task | None = None
    stop = tasks.watch(task_id, changed.set)
    try:
        while True:
            changed.clear()
            task = await tasks.get(task_id, owner)
            if task is None:
                raise UnknownTask
            _tell(call, task, before)
            if task.over:
                return task
            for key in task.questions.keys() - asked.keys():
                asking = _ask(call, tasks, task_id, owner, key, task.questions[key])
                asked[key] = asyncio.create_task(asking, name=f"question of {task_id}")
            before = task
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await changed.wait()
    finally:
        stop()
        for one in asked.values():
            one.cancel()


async def _ask(call: Call, tasks: Tasks, task_id: str, owner: Owner, key: str, question: Question) -> None:
    """Put one question. Without an answer it stays open, to be asked again by the next `tasks/result`."""
    if call.asker is None:
        return
    given = codec.read(bytes(question.params)) if isinstance(question.params, msgspec.Raw) else {}
    params = given if isinstance(given, dict) else {}
    meta = params.get("_meta")
    params["_meta"] = {**(meta if isinstance(meta, dict) else {}), **related(task_id)}
    try:
        answer = await call.asker(question.method, msgspec.Raw(codec.write(params)))
    except UpstreamError as error:
        log.info("A question of %s was not answered: %s", task_id, error.message)
        return
    why = why_not(question, answer)
    if why is None:
        await tasks.answer(task_id, owner, {key: answer})
    else:
        log.info("What answered a question of %s is no answer: %s.", task_id, why)


def _tell(call: Call, task: Task, before: Task | None) -> None:
    """What is new, on the stream."""
    way = call.events.way
    if before is not None and legacy(task)["status"] != legacy(before)["status"]:
        way.notify(codec.write(NotificationMessage(STATUS, legacy(task))))
    progress = task.progress
    if progress is None or task.progress_token is None or (before is not None and before.progress == progress):
        return
    token = task.progress_token
    told = Progress(progress.progress, progress.total, task.status_message, progress_token=token)
    way.notify(codec.write(NotificationMessage("notifications/progress", told)))
