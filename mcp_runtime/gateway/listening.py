"""`subscriptions/listen`: a stream of what changes at an endpoint (PROTOCOL 2.8)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mcp_runtime.gateway import admission
from mcp_runtime.gateway.events import RESOURCE_UPDATED
from mcp_runtime.gateway.plans import CompiledPlan
from mcp_runtime.gateway.services import Services, Visit
from mcp_runtime.gateway.task_wire import CHANGED
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import InvalidParams
from mcp_runtime.protocol.ladder import Request
from mcp_runtime.protocol.messages import NotificationMessage, ResultMessage
from mcp_runtime.protocol.versions import META, SERVER_INFO_KEY
from mcp_runtime.transports.open_stream import OpenStream
from mcp_runtime.transports.streamable_http import event

SUBSCRIPTION_KEY = META + "subscriptionId"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
MAX_RESOURCES = 256
MAX_WAITING = 256
MAX_TASKS = 64
"""Watched by one stream."""
_LISTS = {
    "toolsListChanged": "notifications/tools/list_changed",
    "promptsListChanged": "notifications/prompts/list_changed",
    "resourcesListChanged": "notifications/resources/list_changed",
}


async def serve(request: Request, visit: Visit, services: Services) -> None:
    """Answer with a stream, until either side ends it. Raises McpError, Refusal, ClientGone."""
    honoured = _honoured(request.params.get("notifications"), visit.plan)
    if services.background is not None and "taskIds" in honoured:
        honoured["taskIds"] = await services.background.known(request, visit, honoured["taskIds"])
    if not admission.accepts_events(visit.head.accept):
        raise admission.no_event_stream()
    with services.limits.stream(visit.principal):
        await _Listening(request, honoured, visit, services).serve()


def _honoured(wanted: object, plan: CompiledPlan) -> dict[str, Any]:
    """What of it can be had: types we do not know are left out, and resources the caller cannot read (L-03, L-07)."""
    if not isinstance(wanted, dict):
        raise InvalidParams("params.notifications must be an object that says what to listen to.")
    honoured: dict[str, Any] = {}
    for kind in _LISTS:
        flag = wanted.get(kind)
        if flag is not None and not isinstance(flag, bool):
            raise InvalidParams(f"params.notifications.{kind} must be true or false.")
        if flag:
            honoured[kind] = True
    uris = wanted.get("resourceSubscriptions")
    if uris is not None:
        if not isinstance(uris, list) or not all(isinstance(uri, str) for uri in uris):
            raise InvalidParams("params.notifications.resourceSubscriptions must be an array of URIs.")
        if len(uris) > MAX_RESOURCES:
            raise InvalidParams(f"One stream may watch {MAX_RESOURCES} resources.")
        honoured["resourceSubscriptions"] = [uri for uri in uris if plan.read(uri) is not None]
    task_ids = wanted.get("taskIds")
    if task_ids is not None and plan.tasks:
        if not isinstance(task_ids, list) or not all(isinstance(task_id, str) for task_id in task_ids):
            raise InvalidParams("params.notifications.taskIds must be an array of task ids.")
        if len(task_ids) > MAX_TASKS:
            raise InvalidParams(f"One stream may watch {MAX_TASKS} tasks.")
        honoured["taskIds"] = task_ids
    return honoured


class _Listening:
    """One stream. Nothing is kept for a client that has gone: it lists anew (L-08)."""

    def __init__(self, request: Request, honoured: dict[str, Any], visit: Visit, services: Services) -> None:
        self._request = request
        self._honoured = honoured
        self._visit = visit
        self._services = services
        self._methods = {_LISTS[kind] for kind in honoured if kind in _LISTS}
        self._uris = frozenset(honoured.get("resourceSubscriptions", ()))
        self._waiting: list[tuple[str, bytes]] = []
        self._tasks: dict[str, bool] = dict.fromkeys(honoured.get("taskIds", ()), True)
        """Whether there is something new to say of each: its state at first."""
        self._stream = OpenStream(visit.receive, visit.send, heartbeat=services.settings.heartbeat_seconds)

    async def serve(self) -> None:
        stops = [self._services.hub.watch(self._visit.plan.endpoint_id, self._announced), *self._watch_tasks()]
        self._visit.record.status = 200
        stream = self._stream
        try:
            async with stream:
                with self._services.standing.kept(stream, self._visit):
                    await stream.write(self._tagged(ACKNOWLEDGED, {"notifications": self._honoured}))
                    await self._tell_of_tasks()
                    while await stream.wait():
                        await self._tell_of_tasks()
                        announced, self._waiting = self._waiting, []
                        for method, params in announced:
                            told = codec.read(params)
                            await stream.write(self._tagged(method, told if isinstance(told, dict) else {}))
                await stream.write(event(codec.write(ResultMessage(self._request.id, self._result()))))
        finally:
            for stop in stops:
                stop()

    def _watch_tasks(self) -> list[Callable[[], None]]:
        background = self._services.background
        if background is None:
            return []
        return [background.tasks.watch(task_id, partial(self._task_changed, task_id)) for task_id in self._tasks]

    def _task_changed(self, task_id: str) -> None:
        self._tasks[task_id] = True
        self._stream.wake()

    async def _tell_of_tasks(self) -> None:
        """What has changed twice since it was told is told once, as it is now."""
        background = self._services.background
        for task_id in [task_id for task_id, news in self._tasks.items() if news]:
            self._tasks[task_id] = False
            told = None if background is None else await background.told(task_id, self._visit)
            if told is not None:
                await self._stream.write(self._tagged(CHANGED, told))

    def _announced(self, method: str, params: bytes) -> None:
        if method == RESOURCE_UPDATED:
            told = codec.read(params)
            if not isinstance(told, dict) or told.get("uri") not in self._uris:
                return
        elif method not in self._methods:
            return
        # Twice the same before it is read is once: it only says that there is something to look at.
        if (method, params) not in self._waiting and len(self._waiting) < MAX_WAITING:
            self._waiting.append((method, params))
            self._stream.wake()

    def _tagged(self, method: str, params: dict[str, Any]) -> bytes:
        tagged = {**params, "_meta": {SUBSCRIPTION_KEY: self._request.id}}
        return event(codec.write(NotificationMessage(method, tagged)))

    def _result(self) -> dict[str, object]:
        meta = {SUBSCRIPTION_KEY: self._request.id, SERVER_INFO_KEY: self._visit.plan.server_info}
        return {"resultType": "complete", "_meta": meta}
