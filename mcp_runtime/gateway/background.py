"""Calls that become tasks, and what clients ask about their tasks (PROTOCOL 4.2).

Each request is judged by itself: who asks about a task is its owner or gets the answer of one that never was.
"""

from __future__ import annotations

import msgspec

from mcp_runtime.gateway import dispatch
from mcp_runtime.gateway.answers import read_responses, why_not
from mcp_runtime.gateway.dispatch import Call, encode
from mcp_runtime.gateway.plans import CompiledPlan, Tool
from mcp_runtime.gateway.rounds import Rounds
from mcp_runtime.gateway.sealing import Sealer, Unsealable
from mcp_runtime.gateway.shown_headers import shown
from mcp_runtime.gateway.standing import Visitor
from mcp_runtime.gateway.task_following import follow
from mcp_runtime.gateway.task_wire import (
    EXTENSION,
    changed,
    created,
    declares_tasks,
    detailed,
    done,
    legacy,
    related,
)
from mcp_runtime.ports.tasks import (
    LEAST_TTL_MS,
    MOST_TTL_MS,
    TTL_MS,
    Owner,
    Task,
    TaskLimit,
    TaskOrder,
    Tasks,
    TasksUnavailable,
)
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import Internal, InvalidParams, MethodNotFound, MissingClientCapability, UnknownTask
from mcp_runtime.protocol.ladder import TASK_METHODS, Request
from mcp_runtime.protocol.messages import InputRequired, ResultMessage, ToolResult
from mcp_runtime.protocol.versions import MODERN
from mcp_runtime.transports.refusals import problem

LIST_ITEMS = 50


class Background:
    """One per gateway that has tasks."""

    def __init__(self, tasks: Tasks, rounds: Rounds, sealer: Sealer) -> None:
        self.tasks = tasks
        self._rounds = rounds
        self._sealer = sealer

    @staticmethod
    def concerns(request: Request, plan: CompiledPlan) -> bool:
        """Whether to ask here for the answer: a look into a table for all other calls."""
        if request.method != "tools/call":
            return request.method in TASK_METHODS
        name = request.params.get("name")
        tool = plan.tools.get(name) if isinstance(name, str) else None
        if tool is None:
            return False
        return tool.task is not None or (plan.tasks and request.revision.task_support and "task" in request.params)

    async def answer(self, call: Call) -> bytes:
        """The whole answer. Raises McpError."""
        try:
            if call.request.method == "tools/call":
                return await self._call_tool(call)
            if call.request.revision.modern:
                return _message(call, await self._modern(call))
            return await self._legacy(call)
        except TasksUnavailable as error:
            data = problem("tasks_unavailable", "platform", "Try again in a moment.", call.record.request_id)
            raise Internal("Tasks cannot be reached at the moment.", data=data) from error

    async def known(self, request: Request, visitor: Visitor, task_ids: list[str]) -> list[str]:
        """Those of the caller's own tasks; what is nobody's business is left out. Raises MissingClientCapability."""
        if not declares_tasks(request.capabilities):
            raise MissingClientCapability({"extensions": {EXTENSION: {}}})
        owner = Owner(visitor.principal.identity, visitor.plan.endpoint_id)
        try:
            return [task_id for task_id in dict.fromkeys(task_ids) if await self.tasks.get(task_id, owner) is not None]
        except TasksUnavailable as error:
            raise Internal("Tasks cannot be reached at the moment.") from error

    async def told(self, task_id: str, visitor: Visitor) -> dict[str, object] | None:
        """A task as a notification tells it; None where it cannot be told, or is no more."""
        try:
            task = await self.tasks.get(task_id, Owner(visitor.principal.identity, visitor.plan.endpoint_id))
        except TasksUnavailable:
            return None  # the client looks by itself
        return None if task is None else changed(task, MODERN, visitor.plan.server_info)

    # Calls that become one.

    async def _call_tool(self, call: Call) -> bytes:
        request = call.request
        tool = call.plan.tools[str(request.params["name"])]
        if not self._wanted(call, tool):
            return await self._at_once(call)
        assert tool.task is not None  # else it was not wanted
        if tool.task.asks_first and request.revision.modern and "requestState" not in request.params:
            return await self._at_once(call)
        judged = dispatch.judged(call)
        if isinstance(judged, ToolResult):
            return encode(call, judged)
        record: list[tuple[str, msgspec.Raw]] = []
        if request.revision.modern:
            settled = await self._rounds.settled(call)
            if isinstance(settled, InputRequired):
                return encode(call, settled)
            record = settled
        try:
            task = await self.tasks.create(_order(call, tool, record))
        except TaskLimit as error:
            data = problem(
                "too_many", "you", "Wait until some are over, or cancel them.", call.record.request_id,
                limit="unfinished_tasks",
            )  # fmt: skip
            raise Internal(f"There are {error.limit} unfinished tasks, which is the limit.", data=data) from None
        if request.revision.modern:
            return _message(call, created(task, call.plan.server_info))
        return _message(call, {"task": legacy(task)})

    @staticmethod
    def _wanted(call: Call, tool: Tool) -> bool:
        """Whether this call becomes a task (TK-01). Raises McpError where it must or must not, and would not or
        would."""
        request = call.request
        required = tool.task is not None and tool.task.required
        if request.revision.modern:
            declared = declares_tasks(request.capabilities)
            if required and not declared:
                raise MissingClientCapability({"extensions": {EXTENSION: {}}})
            return declared
        if not request.revision.task_support or call.session is None:
            return False  # it knows of no tasks, and waits
        if "task" not in request.params:
            if required:
                raise MethodNotFound("tools/call without task", "This tool runs as a task only: send params.task.")
            return False
        if tool.task is None:
            raise MethodNotFound("tools/call with task", "This tool does not run as a task: leave params.task out.")
        return True

    async def _at_once(self, call: Call) -> bytes:
        """Held open, as calls of other tools are."""
        if call.request.revision.modern and self._rounds.wanted(call):
            return encode(call, await self._rounds.run(call))
        return await dispatch.answer(call)

    # What is asked about them.

    async def _modern(self, call: Call) -> dict[str, object]:
        request, info = call.request, call.plan.server_info
        if not declares_tasks(request.capabilities):
            raise MissingClientCapability({"extensions": {EXTENSION: {}}})
        task_id, owner = _task_id(request), _owner(call)
        match request.method:
            case "tasks/get":
                return detailed(_known(await self.tasks.get(task_id, owner)), request.revision, info)
            case "tasks/update":
                await self._take_answers(request, task_id, owner)
            case "tasks/cancel":
                _known(await self.tasks.cancel(task_id, owner))
            case method:
                raise MethodNotFound(method)
        return done(info)

    async def _take_answers(self, request: Request, task_id: str, owner: Owner) -> None:
        if "inputResponses" not in request.params:
            raise InvalidParams("params.inputResponses must be an object with an object for each question.")
        answers = read_responses(request.params)
        questions = _known(await self.tasks.get(task_id, owner)).questions
        for key in answers.keys() & questions.keys():
            why = why_not(questions[key], answers[key])
            if why is not None:
                raise InvalidParams(f"params.inputResponses[{key!r}] is no answer to {questions[key].method}: {why}.")
        if not await self.tasks.answer(task_id, owner, answers):
            raise UnknownTask

    async def _legacy(self, call: Call) -> bytes:
        request, owner = call.request, _owner(call)
        match request.method:
            case "tasks/get":
                task = _known(await self.tasks.get(_task_id(request), owner))
                return _message(call, legacy(task))
            case "tasks/cancel":
                before = _known(await self.tasks.cancel(_task_id(request), owner))
                if before.over:
                    raise InvalidParams(f"The task is {legacy(before)['status']}: it cannot be cancelled any more.")
                return _message(call, legacy(_known(await self.tasks.get(before.id, owner))))
            case "tasks/list":
                return _message(call, await self._list(request, owner))
            case "tasks/result":
                task = await follow(call, self.tasks, _task_id(request), owner)
                return self._outcome(call, task)
            case method:
                raise MethodNotFound(method)

    async def _list(self, request: Request, owner: Owner) -> dict[str, object]:
        bound_to = ["tasks cursor", owner.endpoint_id, owner.identity]
        cursor, before = request.params.get("cursor"), None
        if cursor is not None:
            try:
                before = msgspec.json.decode(self._sealer.open(str(cursor), bound_to=bound_to), type=str)
            except Unsealable:
                raise InvalidParams("The cursor is not one that this list gave you: begin without one.") from None
        found = await self.tasks.list(owner, before=before, limit=LIST_ITEMS + 1)
        listed: dict[str, object] = {"tasks": [legacy(task) for task in found[:LIST_ITEMS]]}
        if len(found) > LIST_ITEMS:
            listed["nextCursor"] = self._sealer.seal(found[LIST_ITEMS - 1].id, bound_to=bound_to)
        return listed

    @staticmethod
    def _outcome(call: Call, task: Task) -> bytes:
        """What the call would have been answered, had its client waited."""
        if task.result is not None:
            meta = {key: msgspec.Raw(codec.write(value)) for key, value in related(task.id).items()}
            task.result.meta = {**(task.result.meta or {}), **meta}
            return encode(call, task.result)
        if task.error is not None:
            raise Internal(task.error.message, code=task.error.code, data=task.error.data)
        raise InvalidParams("The task was cancelled: it has no result.")


def _order(call: Call, tool: Tool, record: list[tuple[str, msgspec.Raw]]) -> TaskOrder:
    request, plan = call.request, call.plan
    assert tool.task is not None
    params = {key: value for key, value in request.params.items() if key != "task"}
    if call.record.trace is not None:
        meta = params.get("_meta")
        params["_meta"] = {**(meta if isinstance(meta, dict) else {}), "traceparent": call.record.trace.goes_on()}
    return TaskOrder(
        principal=call.principal,
        tenant=call.record.tenant,
        endpoint=call.record.endpoint,
        endpoint_id=plan.endpoint_id,
        version=plan.version,
        method=request.method,
        name=str(params["name"]),
        params=params,
        revision=request.revision.name,
        capabilities=request.capabilities,
        log_level=request.log_level,
        progress_token=request.progress_token,
        request_id=call.record.request_id,
        session=call.session,
        headers=shown(call.sent),
        ttl_ms=TTL_MS if request.revision.modern else _ttl(request.params["task"]),
        poll_ms=tool.task.poll_ms,
        record=record,
        retry=tool.task.retry,
    )


def _ttl(task: object) -> int:
    """How long the client wants to be able to read it, within what we keep."""
    if not isinstance(task, dict):
        raise InvalidParams("params.task must be an object.")
    ttl = task.get("ttl")
    if ttl is None:
        return TTL_MS
    if not isinstance(ttl, (int, float)) or isinstance(ttl, bool) or ttl <= 0:
        raise InvalidParams("params.task.ttl must be a number of milliseconds above zero.")
    return int(min(max(ttl, LEAST_TTL_MS), MOST_TTL_MS))


def _owner(call: Call) -> Owner:
    return Owner(call.principal.identity, call.plan.endpoint_id)


def _task_id(request: Request) -> str:
    task_id = request.params.get("taskId")
    if not isinstance(task_id, str):
        raise InvalidParams("params.taskId must be a string.")
    return task_id


def _known(task: Task | None) -> Task:
    if task is None:
        raise UnknownTask
    return task


def _message(call: Call, result: dict[str, object]) -> bytes:
    return codec.write(ResultMessage(call.request.id, result))
