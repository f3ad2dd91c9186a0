"""What two ends of a pipe say to each other: requests in both directions, notifications, cancellations.

One client, one conversation. A client of the handshake era is asked questions by requests of ours; a client of
2026-07-28 gets `input_required` instead, and its call waits here until it comes back with the answers (PROTOCOL 2.7).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

import msgspec

from mcp_runtime.framework.announcing import CHANGED, announced
from mcp_runtime.framework.background import STATUS, BackgroundServer, told
from mcp_runtime.framework.context import current_context
from mcp_runtime.framework.serving import serve
from mcp_runtime.gateway.plans import LIST_KEYS, CompiledPlan
from mcp_runtime.gateway.standalone import local
from mcp_runtime.gateway.standalone.local import LocalServer
from mcp_runtime.gateway.standalone.parking import Parking
from mcp_runtime.gateway.standalone.pipe_exchange import PipeExchange
from mcp_runtime.ports.tasks import Task
from mcp_runtime.protocol import codec, ladder, shaping
from mcp_runtime.protocol.errors import Internal, InvalidRequest, McpError, ParseError
from mcp_runtime.protocol.ladder import Handshake, Notification, Reply, Request, RoutingHeaders
from mcp_runtime.protocol.messages import LOG_LEVELS, ErrorMessage, PromptResult, ReadResult, ResultMessage, ToolResult
from mcp_runtime.protocol.versions import (
    ASSUMED_LEGACY,
    META,
    PROGRESS_KEY,
    PROTOCOL_VERSION_KEY,
    SERVER_INFO_KEY,
    Revision,
    negotiate,
)

if TYPE_CHECKING:
    from mcp_runtime.framework.composition.sources import Kind
    from mcp_runtime.framework.server import FastMCP

log = logging.getLogger("stoa.stdio")

_RESULTS = {"tools/call": ToolResult, "resources/read": ReadResult, "prompts/get": PromptResult}


class Conversation:
    """Everything that one client says, and what it is answered."""

    def __init__(self, server: FastMCP, write: Callable[[bytes], Awaitable[None]]) -> None:
        self._server = server
        self._outbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write_all(write))
        self._plan = CompiledPlan(local.plan(server), LocalServer(server, transport="stdio"))
        self._handshake: Handshake | None = None
        self._session = secrets.token_hex(16)
        self._watched: set[str] = set()
        self._calls: dict[object, asyncio.Task[None]] = {}
        self._asked: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._questions = 0
        self._parking = Parking()
        self._tasks = BackgroundServer(server, transport="stdio", changed=self._task_changed)
        self._loop = asyncio.get_running_loop()
        self._changes: set[str] = set()
        server.watch(self._changed)

    async def receive(self, line: bytes) -> None:
        """Take one message. Requests are answered beside each other, each when it is ready."""
        body: object = None
        try:
            body = codec.read(line)
            if isinstance(body, list):
                self._run(self._answer_batch(ladder.batch(RoutingHeaders(), body, self._handshake)), object())
                return
            message = ladder.judge(_headers(body), body, self._handshake)
        except McpError as error:
            self._send(_error(error, ladder.readable_id(body), legacy=not _is_modern(body)))
            return
        if isinstance(message, Reply):
            self._answered(message)
        elif isinstance(message, Notification):
            await self._notified(message)
        elif message.id in self._calls:
            fault = InvalidRequest("A request with this id is being answered.")
            self._send(_error(fault, message.id, legacy=not message.revision.modern))
        elif message.method == "initialize":
            self._send(await self._initialized(message))
        else:
            self._run(self._answer(message), message.id)

    def refuse_long(self, limit: int) -> None:
        """Answer a line that was too long to be read."""
        self._send(_error(ParseError(f"the line is longer than {limit} bytes."), None, legacy=True))

    async def finish(self, seconds: float) -> None:
        """Let running calls end: the client closed its end, and may still read. Nobody answers questions any more."""
        for question in self._asked.values():
            if not question.done():
                question.set_exception(Internal("The client is gone."))
        self._parking.close()
        if self._calls:
            await asyncio.wait(self._calls.values(), timeout=seconds)

    async def aclose(self) -> None:
        """Stop what runs, and return when everything said has been written."""
        self._parking.close()
        for task in self._calls.values():
            task.cancel()
        await asyncio.gather(*self._calls.values(), return_exceptions=True)
        await self._tasks.aclose()
        self._outbox.put_nowait(None)
        await self._writer

    def _run(self, work: Coroutine[None, None, None], key: object) -> None:
        task = asyncio.create_task(work)
        self._calls[key] = task
        task.add_done_callback(lambda _: self._calls.pop(key, None))

    # Answering.

    async def _answer(self, request: Request) -> None:
        self._send(await self._answer_to(request))

    async def _answer_batch(self, batch: list[object]) -> None:
        answers = await asyncio.gather(*(self._answer_one(message) for message in batch))
        found = [one for one in answers if one is not None]
        if found:
            self._send(b"[" + b",".join(found) + b"]")

    async def _answer_one(self, body: object) -> bytes | None:
        try:
            message = ladder.judge(RoutingHeaders(), body, self._handshake)
        except McpError as error:
            return _error(error, ladder.readable_id(body), legacy=True)
        if isinstance(message, Reply):
            self._answered(message)
            return None
        if isinstance(message, Notification):
            await self._notified(message)
            return None
        return await self._answer_to(message)

    async def _answer_to(self, request: Request) -> bytes:
        try:
            return codec.write(ResultMessage(request.id, await self._result(request)))
        except McpError as error:
            return _error(error, request.id, legacy=not request.revision.modern)
        except Exception:
            log.exception("The request %s failed.", request.method)
            return _error(Internal("The server failed to answer."), request.id, legacy=not request.revision.modern)

    async def _result(self, request: Request) -> object:
        method, params = request.method, request.params
        if method == "server/discover":
            return await self._introduced(method, request.revision)
        if method == "logging/setLevel":
            return self._set_level(params.get("level"))
        if method in ("resources/subscribe", "resources/unsubscribe"):
            change = self._watched.add if method == "resources/subscribe" else self._watched.discard
            change(str(params.get("uri")))
            return {}
        exchange = PipeExchange(request, self._send, self._watched, self._session)
        if not request.revision.modern:
            exchange.ask = self._ask
            return self._shaped(request, await self._tasks.serve(method, _passed_on(params), exchange))
        waiting = self._parking.take(params)
        if waiting is None:
            waiting = self._parking.begin(exchange, params)
            waiting.start(self._tasks.serve(method, _passed_on(params), exchange))
        asked = await waiting.next_stop()
        if asked is not None:
            return asked | {"_meta": {SERVER_INFO_KEY: self._plan.server_info}}
        return self._shaped(request, waiting.result())

    def _shaped(self, request: Request, result: object) -> object:
        """The framework's result, as this client's revision has it."""
        plain = msgspec.json.decode(msgspec.json.encode(result))
        if request.method in LIST_KEYS:
            return self._plan.live_listing(request.method, plain[LIST_KEYS[request.method]], request.revision)
        kind: Any = _RESULTS.get(request.method)
        if request.method == "tools/call" and "content" not in plain:
            kind = None  # it has become a task
        if request.method == "tasks/result":
            kind = ToolResult
        if kind is None or plain.get("resultType") == "input_required":
            return plain
        shaped = msgspec.json.decode(msgspec.json.encode(plain), type=kind)
        return shaping.result(shaped, request.revision, server_info=self._plan.server_info)

    async def _initialized(self, request: Request) -> bytes:
        revision = negotiate(request.params.get("protocolVersion"))
        self._handshake = Handshake(revision, request.capabilities, None)
        if self._server.intercepts("initialize", "request"):
            exchange = PipeExchange(request, self._send, self._watched, self._session)
            try:
                await serve(self._server, "initialize", _passed_on(request.params), exchange)
            except McpError as error:
                self._handshake = None
                return _error(error, request.id, legacy=True)
        result = await self._introduced("initialize", revision)
        result["capabilities"] |= {
            "tools": {"listChanged": True},
            "resources": {"listChanged": True, "subscribe": True},
            "prompts": {"listChanged": True},
            "logging": {},
        }
        return codec.write(ResultMessage(request.id, result))

    async def _introduced(self, method: str, revision: Revision) -> dict[str, Any]:
        """Who the server is, and what it does."""
        result: dict[str, Any] = msgspec.json.decode(self._plan.listing(method, revision))
        result["capabilities"] |= await self._tasks.capabilities(revision)
        return result

    def _task_changed(self, task: Task) -> None:
        """Tell a client of the handshake era; one of the modern era would have to ask for that, and looks instead."""
        if self._handshake is not None:
            params = told(task, modern=False)
            self._send(codec.write({"jsonrpc": "2.0", "method": STATUS, "params": params}))

    def _changed(self, kind: Kind) -> None:
        """Tell a client of the handshake era that a list changed, whichever thread changed it."""
        if self._handshake is None:
            return
        if not self._changes:
            self._loop.call_soon_threadsafe(self._tell_changes)
        self._changes.add(CHANGED[kind])

    def _tell_changes(self) -> None:
        """In the context of the change: what a request of this client announced itself is not told twice."""
        context = current_context()
        told = announced(context) if context is not None and isinstance(context.exchange, PipeExchange) else ()
        changes, self._changes = self._changes, set()
        for method in sorted(changes.difference(told)):
            self._send(codec.write({"jsonrpc": "2.0", "method": method}))

    def _set_level(self, level: object) -> dict[str, object]:
        if self._handshake is None or not isinstance(level, str) or level not in LOG_LEVELS:
            raise InvalidRequest(f"params.level must be one of {', '.join(LOG_LEVELS)}.")
        self._handshake = Handshake(self._handshake.revision, self._handshake.capabilities, level)
        return {}

    # The client's notifications, and its answers to questions.

    async def _notified(self, notification: Notification) -> None:
        if notification.method == "notifications/cancelled":
            task = self._calls.get(notification.params.get("requestId"))
            if task is not None:
                task.cancel()
            return
        if self._server.intercepts(notification.method, "notification"):
            request = Request("", notification.method, notification.params, self._revision(), {}, None, None)
            exchange = PipeExchange(request, self._send, self._watched, self._session)
            await serve(self._server, notification.method, notification.params, exchange)

    def _revision(self) -> Any:
        return ASSUMED_LEGACY if self._handshake is None else self._handshake.revision

    async def _ask(self, method: str, params: dict[str, object]) -> dict[str, object]:
        self._questions += 1
        key = f"stoa-{self._questions}"
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[key] = answer
        try:
            self._send(codec.write({"jsonrpc": "2.0", "id": key, "method": method, "params": params}))
            return await answer
        finally:
            del self._asked[key]

    def _answered(self, reply: Reply) -> None:
        question = self._asked.get(str(reply.id))
        if question is None or question.done():
            return
        if isinstance(reply.error, dict):
            code, text = reply.error.get("code"), reply.error.get("message")
            fault = McpError(str(text), code=code if isinstance(code, int) else Internal.code)
            question.set_exception(fault)
        else:
            question.set_result(reply.result if isinstance(reply.result, dict) else {})

    # What is said goes out in the order in which it was said.

    def _send(self, message: bytes) -> None:
        self._outbox.put_nowait(message)

    async def _write_all(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        while (message := await self._outbox.get()) is not None:
            await write(message)


def _headers(body: object) -> RoutingHeaders:
    """On a pipe no headers repeat the message: they are made to agree with it."""
    if not isinstance(body, dict) or not _is_modern(body):
        return RoutingHeaders()
    method, params = body.get("method"), body["params"]
    name = params.get(ladder.NAMED_BY.get(str(method), ""))
    return RoutingHeaders(
        version=str(params["_meta"][PROTOCOL_VERSION_KEY]),
        method=str(method),
        name=name if isinstance(name, str) else None,
    )


def _is_modern(body: object) -> bool:
    return isinstance(body, dict) and ladder.is_modern(RoutingHeaders(), body)


def _passed_on(params: dict[str, object]) -> dict[str, Any]:
    """What a server sees: all but the protocol's own keys of `_meta`."""
    meta = params.get("_meta")
    if not isinstance(meta, dict):
        return params
    kept = {key: value for key, value in meta.items() if key != PROGRESS_KEY and not key.startswith(META)}
    return {**params, "_meta": kept}


def _error(error: McpError, request_id: ladder.RequestId | None, *, legacy: bool) -> bytes:
    message = ErrorMessage(error.as_object(legacy=legacy))
    if request_id is not None:
        message.id = request_id
    return codec.write(message)
