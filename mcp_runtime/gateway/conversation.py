"""A client of the handshake era and its session: what it settles, what it changes, and its calls (PROTOCOL 3.2)."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from hashlib import sha256

import msgspec

from mcp_runtime.gateway import dispatch, telling
from mcp_runtime.gateway.asking import StreamAsker
from mcp_runtime.gateway.dispatch import Call
from mcp_runtime.gateway.events import MAX_URI, CallEvents, Way
from mcp_runtime.gateway.hub import Answer
from mcp_runtime.gateway.limits import session_refusal
from mcp_runtime.gateway.services import JSON, Services, Visit, error_message
from mcp_runtime.gateway.shown_headers import shown
from mcp_runtime.ports.sessions import Session, SessionLimit, SessionsUnavailable
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import InvalidParams, McpError, UnknownResource
from mcp_runtime.protocol.ladder import Handshake, Notification, Reply, Request
from mcp_runtime.protocol.messages import LOG_LEVELS
from mcp_runtime.protocol.versions import BY_NAME, LATEST_LEGACY, negotiate
from mcp_runtime.sessions.stream_log import StreamLog
from mcp_runtime.transports.asgi import ClientGone, answer
from mcp_runtime.transports.refusals import Refusal
from mcp_runtime.transports.streamable_http import ResponseStream, priming

MAX_SESSION_ID = 128
RETRY_MS = 500
"""How long a client waits before it comes back for the rest of a stream."""


class Conversation:
    """One session, as the requests in it see it."""

    def __init__(self, session: Session, visit: Visit, services: Services) -> None:
        self.session = session
        self.handshake = Handshake(BY_NAME[session.revision], session.capabilities, session.log_level)
        self._visit = visit
        self._services = services

    @classmethod
    async def open(
        cls, request: Request, visit: Visit, services: Services, *, session_id: str | None = None
    ) -> Conversation:
        """Begin a session. Raises Refusal where there are too many."""
        session = Session(
            id=session_id or secrets.token_urlsafe(24),
            tenant_id=visit.plan.tenant_id,
            endpoint_id=visit.plan.endpoint_id,
            owner=visit.principal.identity,
            revision=negotiate(request.params.get("protocolVersion")).name,
            capabilities=request.capabilities,
        )
        try:
            await services.sessions.open(session, services.limits.caps.sessions)
        except SessionLimit as error:
            raise session_refusal(error) from None
        except SessionsUnavailable as error:
            raise unavailable(error) from None
        return cls(session, visit, services)

    async def change(self, request: Request) -> bytes | None:
        """The answer to a request that is about the session itself; None for any other. Raises McpError."""
        params = request.params
        sessions, session = self._services.sessions, self.session
        match request.method:
            case "logging/setLevel":
                level = params.get("level")
                if level not in LOG_LEVELS:
                    raise InvalidParams(f"params.level must be one of {', '.join(LOG_LEVELS)}.")
                await sessions.save(msgspec.structs.replace(session, log_level=str(level)))
            case "resources/subscribe":
                uri = _uri(params)
                if self._visit.plan.read(uri) is None:
                    raise UnknownResource(uri)
                if not await sessions.watch(session.id, uri):
                    raise InvalidParams("The session watches as many resources as it may: unsubscribe from some.")
            case "resources/unsubscribe":
                await sessions.unwatch(session.id, _uri(params))
            case _:
                return None
        return b'{"jsonrpc":"2.0","id":' + codec.write(request.id) + b',"result":{}}'

    def take(self, message: Notification | Reply) -> None:
        """What a client says without expecting an answer."""
        hub = self._services.hub
        if isinstance(message, Reply):
            if isinstance(message.id, str):
                error = message.error if isinstance(message.error, dict) else None
                result = msgspec.Raw(codec.write(_object(message.result)))
                hub.answer(Answer(self.session.id, message.id, result, error))
            return
        if message.method == "notifications/cancelled":
            request_id = message.params.get("requestId")
            if isinstance(request_id, (str, int)):
                hub.cancel(self.session.id, request_id)
        if telling.hears(self._visit.plan):
            hub.keep(self._tell_servers(message))

    async def begin_at_servers(self, request: Request) -> None:
        """Let servers look at the handshake. Raises McpError where one refuses; there is no session then."""
        try:
            await telling.begin(self._visit.plan, request.params, self._caller(request.capabilities))
        except McpError:
            await self._services.sessions.end(self.session.id)
            raise

    async def _tell_servers(self, message: Notification) -> None:
        """Notifications count as calls while servers look at them; beyond the limit they are dropped."""
        visit, limits = self._visit, self._services.limits
        try:
            limits.take_call(visit.principal)
        except Refusal:
            return
        try:
            await telling.tell(visit.plan, message.method, message.params, self._caller(self.session.capabilities))
        finally:
            limits.give_call(visit.principal)

    def _caller(self, capabilities: dict[str, object]) -> Caller:
        visit, session = self._visit, self.session
        return Caller(
            request_id=visit.record.request_id,
            subject=visit.principal.subject,
            client_id=visit.principal.client_id,
            scopes=tuple(sorted(visit.principal.scopes)),
            protocol_version=session.revision,
            client_capabilities=capabilities,
            log_level=session.log_level,
            session=self._name,
            headers=shown(visit.head.sent),
        )

    @property
    def _name(self) -> str:
        """What servers know the session by: not its id, which is the client's to know."""
        return sha256(self.session.id.encode()).hexdigest()

    def asker(self, request: Request, way: Way) -> StreamAsker:
        """Questions go out on the stream of the call that asks (S-02)."""
        return StreamAsker(self._services.hub, self.session.id, request.capabilities, way.notify)

    def begin(self, request: Request, way: Way) -> asyncio.Task[bytes]:
        """Run a call that was counted already. It can be cancelled, and is by the end of the session."""
        visit, services = self._visit, self._services
        announce = partial(services.hub.announce, visit.plan.endpoint_id)
        events = CallEvents(request, way, announce)
        asker = self.asker(request, way)
        record = visit.record
        call = Call(
            request, visit.plan, visit.principal, record, events, asker, session=self._name, sent=visit.head.sent
        )
        background = services.background
        tasks = background is not None and background.concerns(request, visit.plan)
        answered = background.answer(call) if background is not None and tasks else dispatch.answer(call)
        task = asyncio.create_task(answered, name="call in a session")

        def over(done: asyncio.Task[bytes]) -> None:
            services.limits.give_call(visit.principal)
            if not done.cancelled():
                done.exception()  # told to the client, if it is still there

        task.add_done_callback(over)
        services.hub.call_begins(self.session.id, request.id, task)
        return task

    async def call(self, request: Request) -> None:
        """Answer a call. It goes on when the client hangs up, and what is said then can be fetched (G-06)."""
        visit = self._visit
        record = _Record(StreamLog(self._services.sessions, self.session.id), self.handshake)
        stream = ResponseStream(
            visit.receive, visit.send, heartbeat=self._services.settings.heartbeat_seconds, record=record
        )
        task = self.begin(request, stream)
        answered = False
        try:
            await stream.run(_finished(task))
            result = self._result(task, request)
            if not stream.started:
                await self._send(result)
            else:
                visit.record.status = 200
                answered = True
                await stream.finish([] if result is None else [result])
                record.log.end()
        except ClientGone:
            if record.log.begun:
                self._services.hub.keep(self._finish_later(task, request, record, answered))
            raise
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            visit.record.dropped = stream.dropped

    async def _finish_later(self, task: asyncio.Task[bytes], request: Request, record: _Record, answered: bool) -> None:
        """The client has gone; it may come back, here or elsewhere, for what it missed."""
        if not answered:
            await asyncio.wait({task})
            result = self._result(task, request)
            if result is not None:
                record.add(result)
        record.log.end()
        await record.log.written()

    def _result(self, task: asyncio.Task[bytes], request: Request) -> bytes | None:
        """The message that answers; None for a cancelled call, which gets none."""
        if task.cancelled():
            self._visit.record.outcome = "cancelled"
            return None
        try:
            return task.result()
        except McpError as error:
            self._visit.note(error)
            return error_message(error, request.id, legacy=True)

    async def _send(self, result: bytes | None) -> None:
        self._visit.record.status = 202 if result is None else 200
        if result is None:
            await answer(self._visit.send, 202, b"", ())
        else:
            await answer(self._visit.send, 200, result, (JSON,))


class _Record:
    """What `ResponseStream` keeps of a stream, in the session's log."""

    def __init__(self, log: StreamLog, handshake: Handshake) -> None:
        self.log = log
        self._primes = handshake.revision is LATEST_LEGACY

    def begin(self) -> bytes:
        # Older SDKs take the empty event for a message (G-07).
        return priming(self.log.begin(), RETRY_MS) if self._primes else b""

    def add(self, message: bytes) -> str:
        return self.log.add(message)


async def find_conversation(visit: Visit, services: Services) -> Conversation | None:
    """The session that the request names, None when it names none. Raises Refusal for one that is not the caller's."""
    session_id = visit.head.session_id
    if session_id is None:
        return None
    session = await find_session(session_id, visit, services)
    if session is None or session.transport != "streamable-http":
        raise no_session()
    return Conversation(session, visit, services)


async def find_session(session_id: str, visit: Visit, services: Services) -> Session | None:
    """The session, if it is alive and the caller's own. Raises Refusal."""
    if len(session_id) > MAX_SESSION_ID or not session_id.isascii() or not session_id.isprintable():
        return None
    try:
        session = await services.sessions.find(session_id)
    except SessionsUnavailable as error:
        raise unavailable(error) from None
    return session if visit.owns(session) else None


def no_session() -> Refusal:
    return Refusal(
        404,
        "no_such_session",
        "There is no such session: it was ended, or not used for too long.",
        "Send initialize again, without Mcp-Session-Id.",
    )


def unavailable(error: SessionsUnavailable) -> Refusal:
    return Refusal(
        503,
        "sessions_unavailable",
        "Sessions cannot be kept at the moment.",
        "Try again in a moment, or speak 2026-07-28, which needs none.",
        headers=[(b"retry-after", b"1")],
        party="platform",
    )


async def _finished(task: asyncio.Task[bytes]) -> None:
    await asyncio.wait({task})


def _uri(params: dict[str, object]) -> str:
    uri = params.get("uri")
    if not isinstance(uri, str) or len(uri) > MAX_URI:
        raise InvalidParams(f"params.uri must be a string of at most {MAX_URI} characters.")
    return uri


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
