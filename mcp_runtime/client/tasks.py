"""Calls that go on in the background: what `call_tool(…, task=True)` gives (PROTOCOL 4.2, FASTMCP T-11, 2.2)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any

from mcp_runtime.client.results import CallToolResult
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.framework.types import Model
from mcp_runtime.protocol.errors import Internal, InvalidParams, McpError

if TYPE_CHECKING:
    from mcp_runtime.client.client import Client

__all__ = ("TaskStatus", "ToolTask", "asking_for_task", "task_in")

_EXTENSION: dict[str, Any] = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
_DECLARING = {"io.modelcontextprotocol/clientCapabilities": _EXTENSION}
_OVER = frozenset({"completed", "failed", "cancelled"})
_POLL_MS = 5_000
_LEAST_POLL_MS = 50

Listener = Callable[["TaskStatus"], Awaitable[None] | None]
Finished = Callable[[dict[str, Any]], CallToolResult]


class TaskStatus(Model):
    """How a task is doing: "working", "input_required", "completed", "failed" or "cancelled"."""

    task_id: str
    status: str
    status_message: str | None = None
    created_at: str | None = None
    last_updated_at: str | None = None
    ttl_ms: int | None = None
    poll_interval_ms: int | None = None

    @property
    def over(self) -> bool:
        """Whether it will never change again."""
        return self.status in _OVER


class ToolTask:
    """One call. Awaiting it gives its result: `await task`, or `await task.result()`.

    A server that does not run the tool in the background has answered at once; then everything here is done already.
    """

    def __init__(self, client: Client, answer: dict[str, Any], finished: Finished) -> None:
        """`answer` is the task as the server made it, or else the answer of the call; `finished` reads the latter."""
        self._client = client
        self._modern = client.protocol_version >= "2026"
        self._finished = finished
        self._listeners: list[Listener] = []
        self._news = asyncio.Event()
        self._answered: set[str] = set()
        self._last: dict[str, Any] = {}
        self._fetching: asyncio.Task[dict[str, Any]] | None = None
        made = task_in(answer)
        self.returned_immediately = made is None
        """Whether there is no task, but the answer."""
        self._answer = answer if made is None else None
        if made is None:
            self.task_id = ""
            self._status = TaskStatus(task_id="", status="failed" if answer.get("isError") else "completed")
        else:
            self._status = _status(made)
            self.task_id = self._status.task_id
            client._handlers.tasks[self.task_id] = self

    def __repr__(self) -> str:
        return f"<ToolTask {self.task_id!r}: {self._status.status}>"

    def __await__(self) -> Generator[Any, None, CallToolResult]:
        return self.result().__await__()

    async def status(self) -> TaskStatus:
        """Ask the server. Raises McpError where it does not know the task any more."""
        if not self.returned_immediately and not self._status.over:
            await self._heard(await self._ask("tasks/get"))
        return self._status

    async def wait(self, *, state: str | None = None, timeout: float | None = 300.0) -> TaskStatus:  # noqa: ASYNC109
        """Return when the task is over, or in `state`; its questions are answered on the way by the client's handlers.

        Raises TimeoutError; the task goes on.
        """
        async with asyncio.timeout(timeout):
            while True:
                self._news.clear()
                status = await self.status()
                if status.over or status.status == state:
                    return status
                if status.status == "input_required" and await self._answer_questions():
                    continue
                await self._pause(status.poll_interval_ms)

    async def result(self, *, timeout: float | None = None) -> CallToolResult:  # noqa: ASYNC109 - as wait() has it
        """What the call came to. Raises as `call_tool` does, McpError for a task that was cancelled or has failed, and
        TimeoutError; the task goes on then."""
        if self._answer is None:
            if self._modern:
                await self.wait(timeout=timeout)
                self._answer = self._inlined()
            else:
                async with asyncio.timeout(timeout):
                    self._answer = await asyncio.shield(self._fetched())
                    await self.status()
        return self._finished(self._answer)

    async def cancel(self) -> None:
        """End the task, if it is not over."""
        if self.returned_immediately or self._status.over:
            return
        try:
            await self._ask("tasks/cancel")
        except McpError as error:
            if self._modern or error.code != InvalidParams.code:
                raise
            # it was over before: servers of 2025-11-25 call that an error
        await self.status()

    def on_status_change(self, listener: Listener) -> None:
        """Have `listener` called with the status whenever it is found to be another one; it may be asynchronous."""
        self._listeners.append(listener)
        if not self.returned_immediately and not self._status.over and len(self._listeners) == 1:
            self._client._beside(self._follow())

    def told(self, params: dict[str, Any]) -> None:
        """The server says that something has changed."""
        self._news.set()

    async def _follow(self) -> None:
        await self.wait(timeout=None)

    async def _pause(self, poll_ms: int | None) -> None:
        seconds = max(_POLL_MS if poll_ms is None else poll_ms, _LEAST_POLL_MS) / 1000
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass  # time to look

    async def _heard(self, answer: dict[str, Any]) -> None:
        before, self._last, self._status = self._status, answer, _status(answer)
        if (before.status, before.status_message) == (self._status.status, self._status.status_message):
            return
        for listener in self._listeners:
            value = listener(self._status)
            if inspect.isawaitable(value):
                await value

    async def _answer_questions(self) -> bool:
        """Answer what is asked and was not answered yet; whether there was something.

        Servers of 2025-11-25 ask by requests of their own, while somebody waits for the result.
        """
        if not self._modern:
            self._fetched()
            return False
        asked: dict[str, Any] = self._last.get("inputRequests") or {}
        fresh = {key: question for key, question in asked.items() if key not in self._answered}
        if not fresh:
            return False
        self._answered |= fresh.keys()
        answers = {
            key: await self._client._handlers.asked(str(question.get("method")), question.get("params") or {})
            for key, question in fresh.items()
        }
        await self._ask("tasks/update", {"inputResponses": answers})
        return True

    def _fetched(self) -> asyncio.Task[dict[str, Any]]:
        """The one request for the result, which waits at the server."""
        if self._fetching is None:
            self._fetching = self._client._beside(self._ask("tasks/result"))
        return self._fetching

    def _inlined(self) -> dict[str, Any]:
        """The result inside of what the server said last. Raises McpError."""
        if self._status.status == "cancelled":
            raise McpError("The task was cancelled: it has no result.", code=InvalidParams.code)
        error, result = self._last.get("error"), self._last.get("result")
        if isinstance(error, dict):
            raise McpError(str(error.get("message")), code=error.get("code", Internal.code), data=error.get("data"))
        if not isinstance(result, dict):
            raise ClientError(f"The server says that the task is {self._status.status}, and not what it came to.")
        return result

    async def _ask(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        given = {"taskId": self.task_id, **(params or {})}
        return await self._client._request(method, asking(given, modern=self._modern))


def asking_for_task(params: dict[str, Any], *, modern: bool, ttl: int | None) -> dict[str, Any]:
    """The parameters of a call that may, or in the older generation should, become a task."""
    if modern:
        return asking(params, modern=True)
    return {**params, "task": {} if ttl is None else {"ttl": ttl}}


def asking(params: dict[str, Any], *, modern: bool) -> dict[str, Any]:
    """With the extension declared, as every single request of the modern era does (PROTOCOL X-11)."""
    return {**params, "_meta": {**(params.get("_meta") or {}), **_DECLARING}} if modern else params


def task_in(answer: dict[str, Any]) -> dict[str, Any] | None:
    """The task that an answer is, in either generation; None where it is the call's own answer."""
    made = answer.get("task", answer)
    return made if isinstance(made, dict) and isinstance(made.get("taskId"), str) and "content" not in answer else None


def _status(answer: dict[str, Any]) -> TaskStatus:
    return TaskStatus(
        task_id=answer["taskId"],
        status=answer["status"],
        status_message=answer.get("statusMessage"),
        created_at=answer.get("createdAt"),
        last_updated_at=answer.get("lastUpdatedAt"),
        ttl_ms=answer.get("ttlMs", answer.get("ttl")),
        poll_interval_ms=answer.get("pollIntervalMs", answer.get("pollInterval")),
    )
