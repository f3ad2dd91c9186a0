"""GET and DELETE in a session: its standing stream, the rest of a broken one, and its end (PROTOCOL G-04 to G-07)."""

from __future__ import annotations

import secrets

from mcp_runtime.gateway import admission
from mcp_runtime.gateway.conversation import Conversation, find_conversation, unavailable
from mcp_runtime.gateway.events import RESOURCE_UPDATED
from mcp_runtime.gateway.services import Services, Visit
from mcp_runtime.ports.sessions import SessionsUnavailable
from mcp_runtime.protocol import codec
from mcp_runtime.sessions.stream_log import BEGINNING, END, STANDING, event_id, parse_event_id, woken_by
from mcp_runtime.transports.asgi import ClientGone, answer
from mcp_runtime.transports.open_stream import OpenStream
from mcp_runtime.transports.refusals import Refusal
from mcp_runtime.transports.streamable_http import event

MAX_WAITING = 256
"""Notifications for a client that reads slowly; what is over it is dropped."""


async def serve_get(visit: Visit, services: Services) -> None:
    """Answer a GET. Raises Refusal, ClientGone."""
    conversation = await find_conversation(visit, services)
    if conversation is None:
        raise admission.method_not_allowed()
    if not admission.accepts_events(visit.head.accept):
        raise admission.no_event_stream()
    visit.record.method, visit.record.protocol = "GET", conversation.session.revision
    try:
        stream, place = await _where(visit, conversation, services)
        with services.limits.stream(visit.principal):
            if stream == STANDING:
                await _Standing(visit, conversation, services).serve(place)
            else:
                await _resume(visit, conversation, services, stream, place)
    except SessionsUnavailable as error:
        raise unavailable(error) from None


async def serve_delete(visit: Visit, services: Services) -> None:
    """Answer a DELETE: the session is over, with all that runs in it. Raises Refusal."""
    conversation = await find_conversation(visit, services)
    if conversation is None:
        raise admission.method_not_allowed()
    visit.record.method, visit.record.status = "DELETE", 204
    try:
        await services.sessions.end(conversation.session.id)
    except SessionsUnavailable as error:
        raise unavailable(error) from None
    services.hub.session_ended(conversation.session.id)
    await answer(visit.send, 204, b"", ())


async def _where(visit: Visit, conversation: Conversation, services: Services) -> tuple[str, str]:
    """Which stream the client wants, and from which place on. Raises Refusal for an event id that is none."""
    session_id = conversation.session.id
    if visit.head.last_event_id is None:
        return STANDING, await services.sessions.last(session_id, STANDING)
    place = parse_event_id(visit.head.last_event_id)
    if place is None or (place[0] != STANDING and await services.sessions.last(session_id, place[0]) == "0-0"):
        raise Refusal(
            400,
            "no_such_event",
            "The event that Last-Event-ID names is not one of this session's, or no longer kept.",
            "Send the request again.",
        )
    return place


async def _resume(visit: Visit, conversation: Conversation, services: Services, name: str, place: str) -> None:
    """What came after `place` on the stream of a POST, until that is over."""
    session_id = conversation.session.id
    stream = OpenStream(visit.receive, visit.send, heartbeat=services.settings.heartbeat_seconds)
    stops = [
        services.sessions.hear(woken_by(session_id, name), lambda _: stream.wake()),
        services.hub.on_end(session_id, stream.end),
    ]
    visit.record.status = 200
    try:
        async with stream:
            with services.standing.kept(stream, visit, session_id):
                going = True
                while going:
                    for following, message in await services.sessions.events(session_id, name, place):
                        if message == END:
                            return
                        if message != BEGINNING:
                            await stream.write(event(message, event_id(name, following)))
                        place = following
                    going = await stream.wait()
    finally:
        for stop in stops:
            stop()


class _Standing:
    """The standing stream of a session: for what belongs to no request. A second one takes the place of the first."""

    def __init__(self, visit: Visit, conversation: Conversation, services: Services) -> None:
        self._visit = visit
        self._services = services
        self._session_id = conversation.session.id
        self._waiting: list[tuple[str, bytes]] = []
        self._token = secrets.token_bytes(8)
        self._stream = OpenStream(visit.receive, visit.send, heartbeat=services.settings.heartbeat_seconds)

    async def serve(self, place: str) -> None:
        hub, sessions, stream = self._services.hub, self._services.sessions, self._stream
        successor = f"standing:{self._session_id}"
        await sessions.tell(successor, self._token)
        stops = [
            hub.watch(self._visit.plan.endpoint_id, self._announced),
            hub.on_end(self._session_id, stream.end),
            sessions.hear(successor, lambda token: None if token == self._token else stream.end()),
        ]
        self._visit.record.status = 200
        try:
            async with stream:
                with self._services.standing.kept(stream, self._visit, self._session_id):
                    for missed, message in await sessions.events(self._session_id, STANDING, place):
                        await stream.write(event(message, event_id(STANDING, missed)))
                    while await stream.wait():
                        await self._write_waiting()
        finally:
            for stop in stops:
                stop()

    def _announced(self, method: str, params: bytes) -> None:
        announced = (method, params)
        if announced not in self._waiting and len(self._waiting) < MAX_WAITING:
            self._waiting.append(announced)
            self._stream.wake()

    async def _write_waiting(self) -> None:
        sessions = self._services.sessions
        announced, self._waiting = self._waiting, []
        for method, params in announced:
            if method == RESOURCE_UPDATED:
                uri = codec.read(params)
                if not isinstance(uri, dict) or not await sessions.watches(self._session_id, str(uri.get("uri"))):
                    continue
            message = b'{"jsonrpc":"2.0","method":"' + method.encode() + b'","params":' + params + b"}"
            place = await sessions.append(self._session_id, STANDING, message)
            await self._stream.write(event(message, event_id(STANDING, place)))


__all__ = ("ClientGone", "serve_delete", "serve_get")
