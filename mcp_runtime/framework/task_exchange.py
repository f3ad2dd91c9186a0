"""The request of a call that became a task: its client is gone, and its journal is the way back to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.messages import Question

if TYPE_CHECKING:
    from mcp_runtime.ports.tasks import Journal, TaskOrder

__all__ = ("TaskExchange",)


class TaskExchange:
    """An AskingExchange. Notifications may be made in any thread."""

    def __init__(self, order: TaskOrder, journal: Journal, *, transport: str | None) -> None:
        self.caller = Caller(
            request_id=order.request_id,
            subject=order.principal.subject,
            client_id=order.principal.client_id,
            protocol_version=order.revision,
            client_capabilities=order.capabilities,
            progress=True,
            log_level=order.log_level,
            session=order.session,
            task=journal.task_id,
        )
        self.request_id = order.request_id
        self.transport = transport
        self._journal = journal
        self._loop = asyncio.get_running_loop()

    def log(self, level: str, logger: str | None, data: object) -> None:
        self.notify("notifications/message", {"level": level, "logger": logger, "data": data})

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.notify("notifications/progress", {"progress": progress, "total": total, "message": message})

    def notify(self, method: str, params: dict[str, Any]) -> None:
        kept = {key: value for key, value in params.items() if value is not None}
        event = msgspec.Raw(msgspec.json.encode(kept, enc_hook=repr))
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            self._journal.heard(method, event)
        else:
            self._loop.call_soon_threadsafe(self._journal.heard, method, event)

    async def ask(self, method: str, params: dict[str, object]) -> dict[str, object]:
        """The owner's answer, however long it takes."""
        question = msgspec.convert({"method": method, "params": msgspec.Raw(msgspec.json.encode(params))}, Question)
        answers = await self._journal.ask({"": question}, state=None, returned=False)
        answer: dict[str, object] = msgspec.json.decode(answers[""])
        return answer
