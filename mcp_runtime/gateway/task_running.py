"""The run of a task: the same dispatch as a direct call, with a journal where the client's stream would be."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from mcp_runtime.gateway import tracing
from mcp_runtime.gateway.answers import read_question, unusable
from mcp_runtime.gateway.dispatch import Call, ask_server, sound
from mcp_runtime.gateway.events import Announce, CallEvents
from mcp_runtime.gateway.plans import CompiledPlan
from mcp_runtime.gateway.records import CallRecord, Outlet
from mcp_runtime.ports.dialogues import TooManyQuestions, digest
from mcp_runtime.ports.sandboxes import RunnerUnavailable, UpstreamError, WorkerDied
from mcp_runtime.ports.tasks import MAX_RESULT_BYTES, Journal, Outcome, TaskOrder
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import Internal, InvalidParams, McpError, MissingClientCapability, ParseError
from mcp_runtime.protocol.ladder import Request
from mcp_runtime.protocol.messages import ErrorBody, InputRequired, Question, ToolResult
from mcp_runtime.protocol.versions import BY_NAME

GATHER_SECONDS = 0.01
MAX_ROUNDS = 32
"""Times that a tool may return questions instead of its result."""


class CutOff(Exception):
    """What ran the tool went away in the middle of it: the run may be begun again, where the tool bears that."""

    def __init__(self, error: McpError) -> None:
        super().__init__(error.message)
        self.error = error
        self.crashed = isinstance(error.__cause__, WorkerDied)
        """Whether it may have been the tool's doing. That a runner is not there is not."""


async def run(
    order: TaskOrder, plan: CompiledPlan | None, journal: Journal, announce: Announce, outlet: Outlet | None = None
) -> Outcome:
    """Run the tool to its end. Cancelling the coroutine cancels the tool. `outlet` gets traced records of its runs.

    Raises NotAnswered when the client takes its time over a question, CutOff, and what the journal raises.
    """
    if plan is None:
        return ErrorBody(Internal.code, "The version of the endpoint that this task was made for is gone.")
    return await _Run(order, plan.seen_by(order.principal), journal, announce, outlet).outcome()


class _Run:
    def __init__(
        self, order: TaskOrder, plan: CompiledPlan, journal: Journal, announce: Announce, outlet: Outlet | None
    ) -> None:
        self._order = order
        self._plan = plan
        self._journal = journal
        self._announce = announce
        self._outlet = outlet
        self._replay: list[tuple[str, msgspec.Raw]] = []
        self._batch: dict[str, Question] | None = None
        """Questions that are being gathered."""
        self._answers: asyncio.Task[dict[str, msgspec.Raw]]
        self._asking: set[asyncio.Task[dict[str, msgspec.Raw]]] = set()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Fails with what ends the run from the side of its questions."""

    async def outcome(self) -> Outcome:
        given = self._journal.dialogue.resume()
        self._replay = list(self._journal.dialogue.record)
        params = dict(self._order.params)
        if given:
            params |= {"inputResponses": given}
            params.pop("requestState", None)
            if self._journal.dialogue.state is not None:
                params["requestState"] = self._journal.dialogue.state
        try:
            for _ in range(MAX_ROUNDS):
                result = await self._once(params)
                if not isinstance(result, InputRequired):
                    return self._kept(result)
                params = await self._next_round(result)
        except McpError as error:
            if isinstance(error.__cause__, (WorkerDied, RunnerUnavailable)):
                raise CutOff(error) from error
            return ErrorBody(error.code, error.message, error.data)
        return ErrorBody(Internal.code, f"The server asked {MAX_ROUNDS} times without coming to an answer.")

    async def _once(self, params: dict[str, object]) -> ToolResult | InputRequired:
        call = self._call(params)
        task = asyncio.create_task(ask_server(call), name=f"task {self._journal.task_id}")
        either: set[asyncio.Future[Any]] = {task, self._ended}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if self._ended.done():
                self._ended.result()
            result = task.result()
        except McpError as error:
            call.record.note(error)
            raise
        finally:
            if self._outlet is not None:
                call.record.ms = round((time.time() - call.record.at) * 1000, 3)
                self._outlet(codec.write(call.record) + b"\n")
            running: set[asyncio.Task[Any]] = {task, *self._asking}
            for one in running:
                one.cancel()
            await asyncio.wait(running)
            self._asking.clear()
        assert isinstance(result, (ToolResult, InputRequired))  # only tools become tasks
        return result

    def _call(self, params: dict[str, object]) -> Call:
        order = self._order
        request = Request(
            order.request_id, order.method, params, BY_NAME[order.revision], order.capabilities, order.log_level,
            order.progress_token,
        )  # fmt: skip
        sent = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in order.headers.items())
        record = CallRecord(
            order.request_id, time.time(), order.principal.tenant, order.tenant, order.endpoint,
            order.principal.subject, order.revision, order.method,
        )  # fmt: skip
        if self._outlet is not None:
            record.trace = tracing.begin(params.get("_meta"), (), percent=0)
        return Call(
            request, self._plan, order.principal, record,
            _Events(request, self._journal, self._announce), asker=self._ask, rounds=True, session=order.session,
            sent=sent, task=self._journal.task_id,
        )  # fmt: skip

    async def _ask(self, method: str, params: msgspec.Raw) -> msgspec.Raw:
        """A question that code puts in the middle of its work. Raises UpstreamError for that code."""
        question = read_question(method, params)
        missing = unusable(question, self._order.capabilities)
        if missing is not None:
            refusal = MissingClientCapability(missing)
            raise UpstreamError(refusal.code, refusal.message, refusal.data)
        wanted = digest(question)
        for index, (recorded, answer) in enumerate(self._replay):
            if recorded == wanted:
                del self._replay[index]
                return answer
        if self._batch is None:
            self._batch = {}
            self._answers = asyncio.create_task(self._ask_together(self._batch))
            self._asking.add(self._answers)
        name, answers = str(len(self._batch)), self._answers
        self._batch[name] = question
        try:
            return (await asyncio.shield(answers))[name]
        except TooManyQuestions as error:
            raise UpstreamError(Internal.code, str(error)) from None
        except Exception as error:  # it ends the run, and is not the tool's to handle
            if not self._ended.done():
                self._ended.set_exception(error)
            await asyncio.Event().wait()  # until the run is cancelled, in a moment
            raise

    async def _ask_together(self, batch: dict[str, Question]) -> dict[str, msgspec.Raw]:
        """Questions put at about the same time are shown together, and answered when all are."""
        await asyncio.sleep(GATHER_SECONDS)
        self._batch = None
        return await self._journal.ask(batch, state=None, returned=False)

    async def _next_round(self, asked: InputRequired) -> dict[str, object]:
        """The parameters for the next call of a tool that returned questions. Raises McpError, NotAnswered."""
        lacking = [unusable(question, self._order.capabilities) for question in asked.input_requests.values()]
        missing = next((one for one in lacking if one is not None), None)
        if missing is not None:
            raise MissingClientCapability(missing)
        if not asked.input_requests:
            raise Internal("The server asked for input without saying which.")
        try:
            answers = await self._journal.ask(asked.input_requests, state=asked.request_state, returned=True)
        except TooManyQuestions as error:
            raise Internal(str(error)) from None
        params = dict(self._order.params) | {"inputResponses": answers}
        params.pop("requestState", None)
        if asked.request_state is not None:
            params["requestState"] = asked.request_state
        return params

    def _kept(self, result: ToolResult) -> Outcome:
        """The result, once it is known to be one that can be sent on."""
        try:
            checked = sound(result)
            size = len(codec.write(checked))
        except ParseError as error:
            return ErrorBody(Internal.code, f"The server's result cannot be sent on: {error.message}")
        if size > MAX_RESULT_BYTES:
            text = f"The result has {size} bytes; that of a task may have {MAX_RESULT_BYTES}. Return less, or a link."
            return ErrorBody(InvalidParams.code, text)
        assert isinstance(checked, ToolResult)
        return checked


class _Events(CallEvents):
    """What is said about the call goes into the journal; about the endpoint, to all who listen to that."""

    __slots__ = ("_journal",)

    def __init__(self, request: Request, journal: Journal, announce: Announce) -> None:
        super().__init__(request, _NoStream(), announce)
        self._journal = journal

    def __call__(self, method: str, params: msgspec.Raw) -> None:
        if method in ("notifications/progress", "notifications/message"):
            self._journal.heard(method, params)
        else:
            super().__call__(method, params)


class _NoStream:
    """There is no connection of the client's to write to, or to close (TK-07)."""

    def notify(self, message: bytes) -> None: ...

    def leave(self) -> None: ...
