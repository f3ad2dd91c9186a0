"""Tasks of a server that runs by itself: in this process, and gone with its client's connection (PROTOCOL 4.2).

What a platform's gateway does for the servers behind it, `BackgroundServer` does for one server and one client, in both
generations of the protocol: the extension of 2026-07-28, and the experiment of 2025-11-25.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mcp_runtime.framework.components.tasks import TaskConfig
from mcp_runtime.framework.exchange import Exchange, ask
from mcp_runtime.framework.serving import serve
from mcp_runtime.framework.task_exchange import TaskExchange
from mcp_runtime.ports.memory_tasks import MemoryJournal, MemoryTasks
from mcp_runtime.ports.tasks import (
    LEAST_TTL_MS,
    MAX_RESULT_BYTES,
    MOST_TTL_MS,
    TTL_MS,
    Outcome,
    Owner,
    Task,
    TaskLimit,
    TaskOrder,
)
from mcp_runtime.protocol.errors import Internal, InvalidParams, McpError, MethodNotFound, MissingClientCapability
from mcp_runtime.protocol.ladder import TASK_METHODS
from mcp_runtime.protocol.messages import ErrorBody, InputRequired, ToolResult
from mcp_runtime.protocol.versions import BY_NAME, META, MODERN, Revision
from tenants.principal import Principal

if TYPE_CHECKING:
    from mcp_runtime.framework.server import FastMCP

__all__ = ("CHANGED", "EXTENSION", "STATUS", "BackgroundServer", "told")

EXTENSION = META + "tasks"
LEGACY_CAPABILITY: dict[str, object] = {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}
CHANGED, STATUS = "notifications/tasks", "notifications/tasks/status"
"""What tells of a task: in the extension, and in 2025-11-25."""
LIST_ITEMS = 50
MAX_ROUNDS = 32
"""Times that a tool may return questions instead of its result."""

Changed = Callable[[Task], None]


class BackgroundServer:
    """Answers the requests of one client, and keeps the tasks that its calls become."""

    def __init__(self, server: FastMCP, *, transport: str | None = None, changed: Changed | None = None) -> None:
        """`changed` is called with a task whenever it may be another one than before."""
        self._server = server
        self._transport = transport
        self._changed = changed
        self._tasks = MemoryTasks(self._run)
        self._telling: dict[str, asyncio.Task[None]] = {}

    async def aclose(self) -> None:
        """End the tasks that are not over."""
        await self._tasks.aclose()
        await asyncio.gather(*self._telling.values())

    async def capabilities(self, revision: Revision) -> dict[str, Any]:
        """What a client is told of tasks when it is introduced: nothing where no tool runs as one."""
        if not any(_config(tool) for tool in await self._server.offer("tools")):
            return {}
        if revision.modern:
            return {"extensions": {EXTENSION: {}}}
        return {"tasks": LEGACY_CAPABILITY} if revision.task_support else {}

    async def serve(self, method: str, params: dict[str, Any], exchange: Exchange) -> object:
        """As `serving.serve`, for calls that may become tasks and for what is asked about them. Raises McpError."""
        if method in TASK_METHODS:
            return await self._asked(method, params, exchange)
        if method == "tools/call":
            config = _config((await self._server.offer("tools")).find(str(params.get("name"))))
            if _wanted(config, params, exchange):
                assert config is not None  # else it was not wanted
                return await self._create(config, params, exchange)
            params.pop("task", None)
        return await serve(self._server, method, params, exchange)

    # Calls that become tasks.

    async def _create(self, config: TaskConfig, params: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        caller, revision = exchange.caller, _revision(exchange)
        order = TaskOrder(
            principal=_SOMEBODY,
            tenant="",
            endpoint="",
            endpoint_id="",
            version=0,
            method="tools/call",
            name=str(params["name"]),
            params={key: value for key, value in params.items() if key != "task"},
            revision=revision.name,
            capabilities=caller.client_capabilities,
            log_level=caller.log_level,
            request_id=caller.request_id,
            session=getattr(exchange, "session_id", None) or caller.session,
            ttl_ms=TTL_MS if revision.modern else _ttl(params["task"]),
            poll_ms=config.poll_ms,
        )
        try:
            task = await self._tasks.create(order)
        except TaskLimit as error:
            raise Internal(f"There are {error.limit} unfinished tasks: wait until some are over.") from None
        if self._changed is not None:
            self._watch(task.id, self._changed)
        if revision.modern:
            return {"resultType": "task", **_modern(task)}
        return {"task": _legacy(task)}

    async def _run(self, order: TaskOrder, journal: MemoryJournal) -> Outcome:
        """Run the tool to its end. Cancelling the coroutine cancels the tool."""
        exchange = TaskExchange(order, journal, transport=self._transport)
        params: dict[str, Any] = dict(order.params)
        try:
            for _ in range(MAX_ROUNDS):
                result = await serve(self._server, order.method, params, exchange)
                encoded = msgspec.json.encode(result)
                if len(encoded) > MAX_RESULT_BYTES:
                    text = f"The result has {len(encoded)} bytes; that of a task may have {MAX_RESULT_BYTES}."
                    return ErrorBody(InvalidParams.code, f"{text} Return less, or a link.")
                if not isinstance(result, dict) or result.get("resultType") != "input_required":
                    return msgspec.json.decode(encoded, type=ToolResult)
                asked = msgspec.json.decode(encoded, type=InputRequired)
                answers = await journal.ask(asked.input_requests, state=asked.request_state, returned=True)
                given = {key: msgspec.json.decode(answer) for key, answer in answers.items()}
                params = {**order.params, "inputResponses": given}
                if asked.request_state is not None:
                    params["requestState"] = asked.request_state
        except McpError as error:
            return ErrorBody(error.code, error.message, error.data)
        except msgspec.MsgspecError as error:
            return ErrorBody(Internal.code, f"The tool's result cannot be sent on: {error}")
        return ErrorBody(Internal.code, f"The tool asked {MAX_ROUNDS} times without coming to an answer.")

    def _watch(self, task_id: str, changed: Changed) -> None:
        """Call `changed` with the task after it changed: once for what changes at once."""

        async def tell() -> None:
            task = await self._tasks.get(task_id, _OWNER)
            del self._telling[task_id]
            if task is not None:
                changed(task)

        def heard() -> None:
            if task_id not in self._telling:
                self._telling[task_id] = asyncio.create_task(tell())

        self._tasks.watch(task_id, heard)

    # What is asked about them.

    async def _asked(self, method: str, params: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        revision = _revision(exchange)
        if revision.modern and not _declares(exchange):
            raise MissingClientCapability({"extensions": {EXTENSION: {}}})
        match method, revision.modern:
            case "tasks/get", True:
                return {"resultType": "complete", **_modern(await self._known(params), whole=True)}
            case "tasks/get", False:
                return _legacy(await self._known(params))
            case "tasks/update", True:
                responses = params.get("inputResponses")
                if not isinstance(responses, dict) or not all(isinstance(one, dict) for one in responses.values()):
                    raise InvalidParams("params.inputResponses must be an object with an object for each question.")
                await self._answer((await self._known(params)).id, responses)
                return {"resultType": "complete"}
            case "tasks/cancel", _:
                before = await self._known(params)
                if before.over and not revision.modern:
                    raise InvalidParams(f"The task is {before.status}: it cannot be cancelled any more.")
                await self._tasks.cancel(before.id, _OWNER)
                return {"resultType": "complete"} if revision.modern else _legacy(await self._known(params))
            case "tasks/list", False:
                return await self._list(params)
            case "tasks/result", False:
                return await self._result(params, exchange)
        raise MethodNotFound(method)

    async def _known(self, params: dict[str, Any]) -> Task:
        """Raises InvalidParams."""
        task_id = params.get("taskId")
        task = await self._tasks.get(task_id, _OWNER) if isinstance(task_id, str) else None
        if task is None:
            raise InvalidParams("There is no such task.")
        return task

    async def _answer(self, task_id: str, answers: dict[str, Any]) -> None:
        encoded = {key: msgspec.Raw(msgspec.json.encode(answer)) for key, answer in answers.items()}
        await self._tasks.answer(task_id, _OWNER, encoded)

    async def _list(self, params: dict[str, Any]) -> dict[str, Any]:
        cursor = params.get("cursor")
        found = await self._tasks.list(_OWNER, before=None if cursor is None else str(cursor), limit=LIST_ITEMS + 1)
        listed: dict[str, Any] = {"tasks": [_legacy(task) for task in found[:LIST_ITEMS]]}
        return listed | ({"nextCursor": found[LIST_ITEMS - 1].id} if len(found) > LIST_ITEMS else {})

    async def _result(self, params: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        """What the task comes to, once it is over; its questions are asked while the request waits."""
        news = asyncio.Event()
        stop = self._tasks.watch((await self._known(params)).id, news.set)
        try:
            while not (task := await self._known(params)).over:
                news.clear()
                for key, question in task.questions.items():
                    asked = {} if question.params is msgspec.UNSET else msgspec.json.decode(question.params)
                    await self._answer(task.id, {key: await ask(exchange, question.method, asked)})
                if not task.questions:
                    await news.wait()
        finally:
            stop()
        if task.result is not None:
            result: dict[str, Any] = msgspec.to_builtins(_plain(task.result))
            return result | {"_meta": {**(result.get("_meta") or {}), META + "related-task": {"taskId": task.id}}}
        if task.error is not None:
            raise McpError(task.error.message, code=task.error.code, data=task.error.data)
        raise InvalidParams("The task was cancelled: it has no result.")


def _config(tool: Any) -> TaskConfig | None:
    """How a tool runs in the background; None where it does not."""
    config: TaskConfig | None = getattr(tool, "task", None)
    return None if config is None or config.mode == "forbidden" else config


def _wanted(config: TaskConfig | None, params: dict[str, Any], exchange: Exchange) -> bool:
    """Whether a call becomes a task (TK-01). Raises McpError where it must or must not, and would not or would."""
    revision, required = _revision(exchange), config is not None and config.mode == "required"
    if revision.modern:
        if required and not _declares(exchange):
            raise MissingClientCapability({"extensions": {EXTENSION: {}}})
        return config is not None and _declares(exchange)
    if not revision.task_support:
        return False  # it knows of no tasks, and waits
    if "task" not in params and required:
        raise McpError("This tool runs as a task only: send params.task.", code=MethodNotFound.code)
    if "task" in params and config is None:
        raise McpError("This tool does not run as a task: leave params.task out.", code=MethodNotFound.code)
    return "task" in params


def _declares(exchange: Exchange) -> bool:
    extensions = exchange.caller.client_capabilities.get("extensions")
    return isinstance(extensions, dict) and isinstance(extensions.get(EXTENSION), dict)


def _revision(exchange: Exchange) -> Revision:
    return BY_NAME.get(exchange.caller.protocol_version, MODERN)


def _ttl(task: object) -> int:
    """How long the client wants to be able to read it, within what is kept. Raises InvalidParams."""
    ttl = task.get("ttl") if isinstance(task, dict) else None
    if not isinstance(task, dict) or not (ttl is None or (isinstance(ttl, int) and ttl > 0)):
        raise InvalidParams("params.task is an object; its ttl is a number of milliseconds above zero.")
    return TTL_MS if ttl is None else min(max(ttl, LEAST_TTL_MS), MOST_TTL_MS)


def _modern(task: Task, *, whole: bool = False) -> dict[str, Any]:
    """Flat; the `whole` of it with the questions, the result or the error, whichever there is (TK-03)."""
    shown = _said(task) | {"ttlMs": task.ttl_ms, "pollIntervalMs": task.poll_ms}
    if whole and task.status == "input_required":
        shown["inputRequests"] = task.questions
    elif whole and task.result is not None:
        shown["result"] = {"resultType": "complete", **msgspec.to_builtins(_plain(task.result))}
    elif whole and task.error is not None:
        shown["error"] = task.error
    return shown


def _legacy(task: Task) -> dict[str, Any]:
    shown = _said(task) | {"ttl": task.ttl_ms, "pollInterval": task.poll_ms}
    if task.result is not None and task.result.is_error is True:
        shown["status"] = "failed"
    return shown


def told(task: Task, *, modern: bool) -> dict[str, Any]:
    """The parameters of the notification that tells of a task."""
    return _modern(task) if modern else _legacy(task)


def _said(task: Task) -> dict[str, Any]:
    said: dict[str, Any] = {"taskId": task.id, "status": task.status}
    said |= {"createdAt": _iso(task.created_at), "lastUpdatedAt": _iso(task.updated_at)}
    return said | ({"statusMessage": task.status_message} if task.status_message else {})


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(result: ToolResult) -> Any:
    return msgspec.json.decode(msgspec.json.encode(result))


_SOMEBODY = Principal("", "", "", "client", "", frozenset(), frozenset(), "")
"""A connection of its own has one client, whoever that is."""
_OWNER = Owner(_SOMEBODY.identity, "")
