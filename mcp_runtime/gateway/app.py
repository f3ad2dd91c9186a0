"""The gateway: an ASGI application that serves every endpoint of every tenant.

    admit -> route -> read -> judge -> dispatch -> answer

The head of a request decides whether it is let in, before a byte of its body is read. Errors cross this boundary
once: a Refusal or an McpError is answered as it says; anything else is logged with the request id and masked.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time

from mcp_runtime.authorization.bearer import CALL_SCOPE, Challenges, bearer_token, refuse_query_token
from mcp_runtime.authorization.principals import Principals
from mcp_runtime.gateway import admission, records
from mcp_runtime.gateway.admission import Address, Doorkeeper, Head
from mcp_runtime.gateway.dispatch import Call, answer_at_once
from mcp_runtime.gateway.dispatch import answer as dispatch
from mcp_runtime.gateway.plan_cache import Plans
from mcp_runtime.gateway.plans import CompiledPlan, PlanError
from mcp_runtime.gateway.records import CallRecord, Outlet, Records, to_stderr
from mcp_runtime.gateway.settings import GatewaySettings
from mcp_runtime.ports.credentials import Credentials
from mcp_runtime.ports.plans import Catalogue
from mcp_runtime.ports.sandboxes import Sandboxes
from mcp_runtime.protocol import codec, ladder
from mcp_runtime.protocol.errors import Internal, McpError
from mcp_runtime.protocol.messages import ErrorMessage
from mcp_runtime.transports.asgi import (
    BodyTooLarge,
    BodyTooSlow,
    ClientGone,
    Header,
    Receive,
    Scope,
    Send,
    answer,
    answer_early,
    read_body,
)
from mcp_runtime.transports.refusals import Refusal, problem
from mcp_runtime.transports.streamable_http import ResponseStream
from tenants.principal import Principal

log = logging.getLogger("stoa.gateway")

_JSON: Header = (b"content-type", b"application/json")


class Gateway:
    """Serves `/t/<tenant>/<endpoint>/mcp`. It needs no database, no Redis and no Django: only its ports."""

    def __init__(
        self,
        catalogue: Catalogue,
        credentials: Credentials,
        sandboxes: Sandboxes,
        settings: GatewaySettings,
        *,
        outlet: Outlet = to_stderr,
    ) -> None:
        self._settings = settings
        self._plans = Plans(catalogue, sandboxes)
        self._principals = Principals(credentials, seconds=settings.principal_seconds)
        self._doorkeeper = Doorkeeper(settings)
        self._challenges = Challenges(settings.public_url)
        self._records = Records(outlet)
        self._starting: asyncio.Task[None] | None = None

    @staticmethod
    def serves(scope: Scope) -> bool:
        """Whether a request is for a gateway: what the composition root routes by."""
        return scope["type"] == "http" and str(scope["path"]).startswith("/t/")

    async def start(self) -> None:
        """Begin to follow revocations and changed plans. The first request does it where no one else does."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        await asyncio.shield(self._starting)

    async def aclose(self) -> None:
        await self._plans.aclose()
        await self._principals.aclose()
        await self._records.aclose()
        self._starting = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        if self._starting is None or not self._starting.done():
            await self.start()
        record = CallRecord(f"req_{secrets.token_hex(12)}", at=records.now())
        try:
            await self._serve(scope, receive, send, record)
        except Refusal as refusal:
            await _refuse(refusal, receive, send, record)
        except ClientGone:
            record.outcome = "client_gone"
        except asyncio.CancelledError:
            record.outcome = "stopped"
            raise
        except Exception:
            log.exception("Request %s failed inside the gateway.", record.request_id)
            await _fail(send, record)
        finally:
            record.ms = round((time.perf_counter() - began) * 1000, 3)
            self._records.add(record)

    async def _start(self) -> None:
        await self._plans.start()
        await self._principals.start()
        await self._records.start()

    async def _serve(self, scope: Scope, receive: Receive, send: Send, record: CallRecord) -> None:
        where = admission.address(scope)
        if where is None:
            raise admission.not_found()
        record.tenant, record.endpoint = where.tenant, where.endpoint
        head = admission.head(scope)
        self._doorkeeper.check_host_and_origin(head)
        refuse_query_token(scope.get("query_string", b""))
        principal, plan = await self._admit(where, head)
        record.subject = principal.subject
        if scope["method"] != "POST":
            raise admission.method_not_allowed()
        self._doorkeeper.check_body_headers(head)
        try:
            body = await read_body(receive, limit=self._settings.max_body_bytes, seconds=self._settings.body_seconds)
        except BodyTooLarge as error:
            raise admission.body_too_large(error.limit) from None
        except BodyTooSlow as error:
            raise admission.body_too_slow(error.seconds) from None
        await _Exchange(head, plan, principal, receive, send, record, self._settings).serve(body)

    async def _admit(self, where: Address, head: Head) -> tuple[Principal, CompiledPlan]:
        """Who calls, and what they call. Only callers of the tenant itself learn whether an endpoint exists."""
        token = bearer_token(head.authorization)
        if token is None:
            raise self._challenges.unauthenticated(where.path, token_sent=False)
        principal = self._principals.known(token, where.tenant) or await self._principals.authenticate(
            token, where.tenant
        )
        if principal is None:
            raise self._challenges.unauthenticated(where.path, token_sent=True)
        plan = self._plans.known(where.tenant, where.endpoint)
        if plan is None:
            try:
                plan = await self._plans.plan(where.tenant, where.endpoint)
            except PlanError as error:
                log.error("The plan of %s cannot be served: %s", where.path, error)
                raise _unservable() from None
        if principal.audience != "*" and (plan is None or principal.audience != plan.endpoint_id):
            # A key for one endpoint learns nothing about others, not even whether they exist.
            raise self._challenges.unauthenticated(where.path, token_sent=True)
        if plan is None:
            raise admission.no_such_endpoint(where)
        if plan.tenant_id != principal.tenant:
            raise self._challenges.unauthenticated(where.path, token_sent=True)
        if CALL_SCOPE not in principal.scopes:
            raise self._challenges.insufficient_scope(where.path, CALL_SCOPE)
        return principal, plan


class _Exchange:
    """One admitted POST: its body, and the answer to it."""

    __slots__ = ("_head", "_plan", "_principal", "_receive", "_record", "_send", "_settings")

    def __init__(
        self,
        head: Head,
        plan: CompiledPlan,
        principal: Principal,
        receive: Receive,
        send: Send,
        record: CallRecord,
        settings: GatewaySettings,
    ) -> None:
        self._head = head
        self._plan = plan
        self._principal = principal
        self._receive = receive
        self._send = send
        self._record = record
        self._settings = settings

    async def serve(self, body: bytes) -> None:
        headers = self._head.routing
        message: object = None
        try:
            message = codec.read(body, max_bytes=self._settings.max_body_bytes)
            if isinstance(message, list):
                await self._serve_batch(ladder.batch(headers, message))
                return
            judged = ladder.judge(headers, message)
        except McpError as error:
            await self._send_error(error, ladder.readable_id(message), modern=_is_modern(headers, message))
            return
        if not isinstance(judged, ladder.Request):
            self._record.method = judged.method[:64] if isinstance(judged, ladder.Notification) else ""
            await self._send_nothing()
            return
        await self._serve_request(judged)

    async def _serve_request(self, request: ladder.Request) -> None:
        self._record.method = request.method
        self._record.protocol = request.revision.name
        try:
            ready = answer_at_once(request, self._plan)
            if ready is not None:
                await self._send_json(200, ready)
                return
        except McpError as error:
            await self._send_error(error, request.id, modern=request.revision.modern)
            return
        stream = ResponseStream(self._receive, self._send, heartbeat=self._settings.heartbeat_seconds)
        call = Call(request, self._head.routing, self._plan, self._principal, stream, self._record)
        try:
            result = await stream.run(dispatch(call))
        except McpError as error:
            if stream.started:
                self._note(error)
                self._record.status = 200
                await stream.finish([_error_message(error, request.id, legacy=not request.revision.modern)])
            else:
                await self._send_error(error, request.id, modern=request.revision.modern)
            return
        finally:
            self._record.dropped = stream.dropped
        if stream.started:
            self._record.status = 200
            await stream.finish([result])
        else:
            await self._send_json(200, result)

    async def _serve_batch(self, batch: list[object]) -> None:
        """Answer the requests of an array, all at once (PROTOCOL B-04)."""
        self._record.method = "batch"
        stream = ResponseStream(self._receive, self._send, heartbeat=self._settings.heartbeat_seconds)

        async def answer_all() -> list[bytes | None]:
            return list(await asyncio.gather(*(self._answer_one(message, stream) for message in batch)))

        answers = [one for one in await stream.run(answer_all()) if one is not None]
        if stream.started:
            self._record.status = 200
            await stream.finish(answers)
        elif answers:
            await self._send_json(200, b"[" + b",".join(answers) + b"]")
        else:
            await self._send_nothing()

    async def _answer_one(self, message: object, stream: ResponseStream) -> bytes | None:
        """The answer to one message of a batch; None for what has none."""
        try:
            judged = ladder.judge(self._head.routing, message)
            if not isinstance(judged, ladder.Request):
                return None
            call = Call(judged, self._head.routing, self._plan, self._principal, stream, self._record)
            return answer_at_once(judged, self._plan) or await dispatch(call)
        except McpError as error:
            self._note(error)
            return _error_message(error, ladder.readable_id(message), legacy=True)

    async def _send_json(self, status: int, body: bytes) -> None:
        self._record.status = status
        await answer(self._send, status, body, (_JSON,))

    async def _send_error(self, error: McpError, request_id: ladder.RequestId | None, *, modern: bool) -> None:
        self._note(error)
        body = _error_message(error, request_id, legacy=not modern)
        await self._send_json(error.status if modern else error.legacy_status, body)

    async def _send_nothing(self) -> None:
        self._record.status = 202
        await answer(self._send, 202, b"", ())

    def _note(self, error: McpError) -> None:
        """Put an error into the call's record: the platform's own words, never the client's or the server's."""
        data = error.data if isinstance(error.data, dict) else {}
        code = data.get("code")
        self._record.outcome = code if isinstance(code, str) and "party" in data else str(error.code)
        if error.__cause__ is not None:
            self._record.reason = str(error.__cause__)[:200]


def _is_modern(headers: ladder.RoutingHeaders, message: object) -> bool:
    return ladder.is_modern(headers, message if isinstance(message, dict) else {})


def _error_message(error: McpError, request_id: ladder.RequestId | None, *, legacy: bool) -> bytes:
    message = ErrorMessage(error.as_object(legacy=legacy))
    if request_id is not None:
        message.id = request_id
    return codec.write(message)


def _unservable() -> Refusal:
    return Refusal(
        503,
        "plan_unservable",
        "The published version of this endpoint cannot be served.",
        "Publish it again, or roll back to the version before.",
        party="platform",
        unread=True,
    )


async def _refuse(refusal: Refusal, receive: Receive, send: Send, record: CallRecord) -> None:
    record.status, record.outcome = refusal.status, refusal.code
    headers = (_JSON, *refusal.headers)
    body = refusal.body(record.request_id)
    if refusal.unread:
        await answer_early(receive, send, refusal.status, body, headers)
    else:
        await answer(send, refusal.status, body, headers)


async def _fail(send: Send, record: CallRecord) -> None:
    """The answer to a fault of ours. If another answer has begun, the server closes the connection instead."""
    record.status, record.outcome = 500, "internal_error"
    hint = "Try again; if it lasts, tell the operator of this platform the request_id."
    error = Internal("The platform failed to serve this request.")
    error.data = problem("internal_error", "platform", hint, record.request_id)
    try:
        await answer(send, 500, _error_message(error, None, legacy=False), (_JSON,))
    except RuntimeError:
        log.warning("Request %s had been answered in part.", record.request_id)
