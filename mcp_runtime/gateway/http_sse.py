"""HTTP+SSE of 2024-11-05: one stream for everything the server says, and a second address to speak to it
(PROTOCOL 3.3).

The stream and the POSTs may reach different processes: what answers a POST goes through the session's log, and
whoever has the stream is woken.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine
from typing import Any
from urllib.parse import parse_qs

from mcp_runtime.gateway import admission
from mcp_runtime.gateway.conversation import Conversation, find_session, no_session, unavailable
from mcp_runtime.gateway.dispatch import answer_at_once
from mcp_runtime.gateway.events import RESOURCE_UPDATED
from mcp_runtime.gateway.limits import session_refusal
from mcp_runtime.gateway.services import JSON, Services, Visit, error_message
from mcp_runtime.ports.sessions import Session, SessionLimit, Sessions, SessionsUnavailable
from mcp_runtime.protocol import codec, ladder
from mcp_runtime.protocol.errors import Internal, McpError
from mcp_runtime.protocol.versions import BY_NAME, negotiate
from mcp_runtime.sessions.stream_log import woken_by
from mcp_runtime.transports.asgi import answer
from mcp_runtime.transports.open_stream import OpenStream
from mcp_runtime.transports.refusals import Refusal, problem
from mcp_runtime.transports.streamable_http import event

STREAM = "sse"
FIRST_REVISION = "2024-11-05"
"""Until `initialize` settles another."""


async def serve_stream(visit: Visit, services: Services) -> None:
    """Answer the GET: open a session, say where to POST, and then everything else. Raises Refusal, ClientGone."""
    if not admission.accepts_events(visit.head.accept):
        raise admission.no_event_stream()
    session = Session(
        id=secrets.token_urlsafe(24),
        tenant_id=visit.plan.tenant_id,
        endpoint_id=visit.plan.endpoint_id,
        owner=visit.principal.identity,
        revision=FIRST_REVISION,
        transport="sse",
    )
    with services.limits.stream(visit.principal):
        try:
            await services.sessions.open(session, services.limits.caps.sessions)
            await _Stream(session, visit, services).serve()
        except SessionLimit as error:
            raise session_refusal(error) from None
        except SessionsUnavailable as error:
            raise unavailable(error) from None


async def serve_message(visit: Visit, services: Services, query: bytes, body: bytes) -> None:
    """Take one POSTed message; its answer goes to the stream. Raises Refusal."""
    given = parse_qs(query.decode("latin-1"), max_num_fields=8).get("session_id", [])
    session = await find_session(given[0], visit, services) if len(given) == 1 else None
    if session is None or session.transport != "sse":
        raise no_session()
    visit.record.protocol = session.revision
    try:
        message = codec.read(body, max_bytes=services.settings.max_body_bytes)
    except McpError as error:
        visit.note(error)
        visit.record.status = 400
        await answer(visit.send, 400, error_message(error, None, legacy=True), (JSON,))
        return
    services.hub.keep(_Message(Conversation(session, visit, services), visit, services).take(message))
    visit.record.status = 202
    await answer(visit.send, 202, b"Accepted", ((b"content-type", b"text/plain"),))


class _Stream:
    """The stream of one session. Its end is the session's."""

    def __init__(self, session: Session, visit: Visit, services: Services) -> None:
        self._session = session
        self._visit = visit
        self._services = services
        self._stream = OpenStream(visit.receive, visit.send, heartbeat=services.settings.heartbeat_seconds)

    async def serve(self) -> None:
        visit, sessions, hub, stream = self._visit, self._services.sessions, self._services.hub, self._stream
        session_id = self._session.id
        stops = [
            sessions.hear(woken_by(session_id, STREAM), lambda _: stream.wake()),
            hub.on_end(session_id, stream.end),
            hub.watch(visit.plan.endpoint_id, self._announced),
        ]
        visit.record.method, visit.record.protocol, visit.record.status = "GET", FIRST_REVISION, 200
        where = f"/t/{visit.where.tenant}/{visit.where.endpoint}/messages?session_id={session_id}"
        place = "0-0"
        try:
            async with stream:
                with self._services.standing.kept(stream, visit, session_id):
                    await stream.write(b"event: endpoint\ndata: " + where.encode() + b"\n\n")
                    while await stream.wait():
                        for following, message in await sessions.events(session_id, STREAM, place):
                            await stream.write(event(message))
                            place = following
        finally:
            for stop in stops:
                stop()
            hub.session_ended(session_id)
            hub.keep(_end(sessions, session_id))

    def _announced(self, method: str, params: bytes) -> None:
        self._services.hub.keep(self._announce(method, params))

    async def _announce(self, method: str, params: bytes) -> None:
        sessions, session_id = self._services.sessions, self._session.id
        if method == RESOURCE_UPDATED:
            told = codec.read(params)
            if not isinstance(told, dict) or not await sessions.watches(session_id, str(told.get("uri"))):
                return
        await say(
            sessions, session_id, b'{"jsonrpc":"2.0","method":"' + method.encode() + b'","params":' + params + b"}"
        )


class _Message:
    """One message of a client, and the way of what answers it."""

    def __init__(self, conversation: Conversation, visit: Visit, services: Services) -> None:
        self._conversation = conversation
        self._visit = visit
        self._services = services
        self._said: asyncio.Task[None] | None = None
        """The last notification: what is said after it must not come before it."""

    async def take(self, message: object) -> None:
        """Work on it. Whatever comes of it is said on the stream."""
        session, services = self._conversation.session, self._services
        try:
            judged = ladder.legacy(
                _NO_HEADERS, message if isinstance(message, dict) else {}, self._conversation.handshake
            )
        except McpError as error:
            await self._say(error_message(error, ladder.readable_id(message), legacy=True))
            return
        if not isinstance(judged, ladder.Request):
            self._conversation.take(judged)
            return
        try:
            if judged.method == "initialize":
                await self._settle(judged)
                await self._conversation.begin_at_servers(judged)
            said = answer_at_once(judged, self._visit.plan, services.pages, self._visit.principal)
            said = said or await self._conversation.change(judged)
            if said is None:
                services.limits.take_call(self._visit.principal)
                said = await self._conversation.begin(judged, self)
            await self._say(said)
        except McpError as error:
            await self._say(error_message(error, judged.id, legacy=True))
        except Refusal as refusal:
            await self._say(error_message(_as_error(refusal, self._visit), judged.id, legacy=True))
        except asyncio.CancelledError:
            return  # by the client, or because its session is over
        finally:
            self._visit.record.protocol = session.revision

    def notify(self, message: bytes) -> None:
        self._said = self._services.hub.keep(self._say(message))

    def leave(self) -> None:
        """There is one stream for everything; it stays."""

    async def _settle(self, request: ladder.Request) -> None:
        capabilities = request.params.get("capabilities")
        revision = negotiate(request.params.get("protocolVersion"))
        session = self._conversation.session
        settled = Session(
            id=session.id,
            tenant_id=session.tenant_id,
            endpoint_id=session.endpoint_id,
            owner=session.owner,
            revision=BY_NAME[revision.name].name,
            capabilities=capabilities if isinstance(capabilities, dict) else {},
            transport="sse",
        )
        await self._services.sessions.save(settled)

    def _say(self, message: bytes) -> Coroutine[Any, Any, None]:
        """Say it once what was said before has been."""
        return self._say_after(self._said, message)

    async def _say_after(self, before: asyncio.Task[None] | None, message: bytes) -> None:
        if before is not None:
            await asyncio.wait({before})
        await say(self._services.sessions, self._conversation.session.id, message)


async def say(sessions: Sessions, session_id: str, message: bytes) -> None:
    """Put a message on the session's stream, whoever has it."""
    await sessions.append(session_id, STREAM, message)
    await sessions.tell(woken_by(session_id, STREAM), b"")


def _as_error(refusal: Refusal, visit: Visit) -> McpError:
    """A limit that is reached, said where no HTTP status can say it."""
    data = problem(refusal.code, refusal.party, refusal.hint, visit.record.request_id, **refusal.more)
    return Internal(refusal.message, data=data)


async def _end(sessions: Sessions, session_id: str) -> None:
    await sessions.end(session_id)


_NO_HEADERS = ladder.RoutingHeaders()
