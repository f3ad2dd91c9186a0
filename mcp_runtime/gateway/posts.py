"""One admitted POST to an endpoint: its body, and the answer to it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from mcp_runtime.gateway import admission, listening
from mcp_runtime.gateway.conversation import Conversation, find_conversation
from mcp_runtime.gateway.dispatch import Call, answer_at_once, encode
from mcp_runtime.gateway.dispatch import answer as dispatch
from mcp_runtime.gateway.events import CallEvents
from mcp_runtime.gateway.policies import RateLimited
from mcp_runtime.gateway.services import JSON, Services, Visit, error_message
from mcp_runtime.protocol import codec, ladder
from mcp_runtime.protocol.errors import McpError
from mcp_runtime.transports.asgi import BodyTooLarge, BodyTooSlow, Header, answer, read_body
from mcp_runtime.transports.streamable_http import ResponseStream


async def read(visit: Visit, services: Services) -> bytes:
    """The body. Raises Refusal."""
    settings = services.settings
    try:
        return await read_body(visit.receive, limit=settings.max_body_bytes, seconds=settings.body_seconds)
    except BodyTooLarge as error:
        raise admission.body_too_large(error.limit) from None
    except BodyTooSlow as error:
        raise admission.body_too_slow(error.seconds) from None


class Post:
    """Serves one message, or one batch of them."""

    __slots__ = ("_conversation", "_services", "_visit")

    def __init__(self, visit: Visit, services: Services) -> None:
        self._visit = visit
        self._services = services
        self._conversation: Conversation | None = None

    async def serve(self, body: bytes) -> None:
        """Answer. Raises Refusal for what is wrong with the session or over a limit."""
        headers = self._visit.head.routing
        message: object = None
        try:
            message = codec.read(body, max_bytes=self._services.settings.max_body_bytes)
            single = message if isinstance(message, dict) else {}
            if not ladder.is_modern(headers, single) and single.get("method") != "initialize":
                self._conversation = await find_conversation(self._visit, self._services)
            handshake = None if self._conversation is None else self._conversation.handshake
            if isinstance(message, list):
                await self._serve_batch(ladder.batch(headers, message, handshake))
                return
            judged = ladder.judge(headers, message, handshake)
        except McpError as error:
            await self._send_error(error, ladder.readable_id(message), modern=_is_modern(headers, message))
            return
        if isinstance(judged, ladder.Request):
            await self._serve_request(judged)
            return
        self._take(judged)
        await self._send_nothing()

    async def _serve_request(self, request: ladder.Request) -> None:
        visit, conversation = self._visit, self._conversation
        visit.begin(request, self._services.settings)
        try:
            ready = answer_at_once(request, visit.plan, self._services.pages, visit.principal)
            if ready is not None:
                headers = await self._opened(request) if request.method == "initialize" else ()
                await self._send_json(200, ready, headers)
                return
            if request.method == "subscriptions/listen":
                await listening.serve(request, visit, self._services)
                return
            if conversation is not None:
                changed = await conversation.change(request)
                if changed is not None:
                    await self._send_json(200, changed)
                    return
        except McpError as error:
            await self._send_error(error, request.id, modern=request.revision.modern)
            return
        self._services.limits.take_call(visit.principal)
        if conversation is not None:
            await conversation.call(request)
            return
        try:
            await self._call(request)
        finally:
            self._services.limits.give_call(visit.principal)

    async def _call(self, request: ladder.Request) -> None:
        """A call without a session: its connection is all there is, and hanging up cancels it."""
        visit, services = self._visit, self._services
        stream = ResponseStream(visit.receive, visit.send, heartbeat=services.settings.heartbeat_seconds)
        call = self._as_call(request, stream)
        try:
            if services.background is not None and services.background.concerns(request, visit.plan):
                result = await stream.run(services.background.answer(call))
            elif request.revision.modern and services.rounds.wanted(call):
                result = encode(call, await stream.run(services.rounds.run(call)))
            else:
                result = await stream.run(dispatch(call))
        except McpError as error:
            if stream.started:
                visit.note(error)
                visit.record.status = 200
                await stream.finish([error_message(error, request.id, legacy=not request.revision.modern)])
            else:
                await self._send_error(error, request.id, modern=request.revision.modern)
            return
        finally:
            visit.record.dropped = stream.dropped
        if stream.started:
            visit.record.status = 200
            await stream.finish([result])
        else:
            await self._send_json(200, result)

    def _as_call(self, request: ladder.Request, stream: ResponseStream) -> Call:
        visit = self._visit
        announce = partial(self._services.hub.announce, visit.plan.endpoint_id)
        events = CallEvents(request, stream, announce)
        return Call(request, visit.plan, visit.principal, visit.record, events, sent=visit.head.sent)

    async def _opened(self, request: ladder.Request) -> Sequence[Header]:
        conversation = await Conversation.open(request, self._visit, self._services)
        await conversation.begin_at_servers(request)
        return [(b"mcp-session-id", conversation.session.id.encode())]

    async def _serve_batch(self, batch: list[object]) -> None:
        """Answer the requests of an array, all at once (PROTOCOL B-04)."""
        visit, services = self._visit, self._services
        visit.record.method = "batch"
        stream = ResponseStream(visit.receive, visit.send, heartbeat=services.settings.heartbeat_seconds)

        async def answer_all() -> list[bytes | None]:
            return list(await asyncio.gather(*(self._answer_one(message, stream) for message in batch)))

        services.limits.take_call(visit.principal)
        try:
            answers = [one for one in await stream.run(answer_all()) if one is not None]
        finally:
            services.limits.give_call(visit.principal)
        if stream.started:
            visit.record.status = 200
            await stream.finish(answers)
        elif answers:
            await self._send_json(200, b"[" + b",".join(answers) + b"]")
        else:
            await self._send_nothing()

    async def _answer_one(self, message: object, stream: ResponseStream) -> bytes | None:
        """The answer to one message of a batch; None for what has none."""
        visit, conversation = self._visit, self._conversation
        try:
            judged = ladder.judge(visit.head.routing, message, None if conversation is None else conversation.handshake)
            if not isinstance(judged, ladder.Request):
                self._take(judged)
                return None
            ready = answer_at_once(judged, visit.plan, self._services.pages, visit.principal)
            if ready is None and conversation is not None:
                ready = await conversation.change(judged)
            if ready is not None:
                return ready
            call = self._as_call(judged, stream)
            if conversation is not None:
                call.asker = conversation.asker(judged, stream)
            return await dispatch(call)
        except McpError as error:
            visit.note(error)
            return error_message(error, ladder.readable_id(message), legacy=True)

    def _take(self, message: ladder.Notification | ladder.Reply) -> None:
        """What is not answered. Outside of a session there is nothing it could be about (PROTOCOL B-03, H-07)."""
        if isinstance(message, ladder.Notification):
            self._visit.record.method = message.method[:64]
        if self._conversation is not None:
            self._conversation.take(message)

    async def _send_json(self, status: int, body: bytes, headers: Sequence[Header] = ()) -> None:
        self._visit.record.status = status
        await answer(self._visit.send, status, body, (JSON, *headers))

    async def _send_error(self, error: McpError, request_id: ladder.RequestId | None, *, modern: bool) -> None:
        self._visit.note(error)
        body = error_message(error, request_id, legacy=not modern)
        later = [(b"retry-after", b"%d" % error.retry_after)] if isinstance(error, RateLimited) else ()
        await self._send_json(error.status if modern else error.legacy_status, body, later)

    async def _send_nothing(self) -> None:
        self._visit.record.status = 202
        await answer(self._visit.send, 202, b"", ())


def _is_modern(headers: ladder.RoutingHeaders, message: object) -> bool:
    return ladder.is_modern(headers, message if isinstance(message, dict) else {})
