"""The gateway: an ASGI application that serves every endpoint of every tenant.

    admit -> route -> read -> judge -> dispatch -> answer

The head of a request decides whether it is let in, before a byte of its body is read. Errors cross this boundary
once: a Refusal or an McpError is answered as it says; anything else is logged with the request id and masked.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from mcp_runtime.authorization.bearer import CALL_SCOPE, Challenges, bearer_token, refuse_query_token
from mcp_runtime.authorization.principals import Principals
from mcp_runtime.gateway import admission, cors, gets, http_sse, records, task_running
from mcp_runtime.gateway.admission import Address, Doorkeeper, Head
from mcp_runtime.gateway.background import Background
from mcp_runtime.gateway.hub import Hub
from mcp_runtime.gateway.kept_state import RememberingSandboxes
from mcp_runtime.gateway.limits import Limits
from mcp_runtime.gateway.paging import Pages
from mcp_runtime.gateway.plan_cache import Plans
from mcp_runtime.gateway.plans import CompiledPlan, PlanError
from mcp_runtime.gateway.posts import Post, read
from mcp_runtime.gateway.records import CallRecord, Outlet, Records, to_stderr
from mcp_runtime.gateway.rounds import Rounds
from mcp_runtime.gateway.sealing import Sealer
from mcp_runtime.gateway.services import JSON, Services, Visit, error_message
from mcp_runtime.gateway.settings import GatewaySettings
from mcp_runtime.gateway.shared_limits import SharedLimits
from mcp_runtime.gateway.standing import StandingStreams, Visitor
from mcp_runtime.gateway.task_running import CutOff
from mcp_runtime.ports.credentials import Credentials
from mcp_runtime.ports.plans import Catalogue
from mcp_runtime.ports.sandboxes import Sandboxes
from mcp_runtime.ports.sessions import Sessions
from mcp_runtime.ports.tasks import Journal, Outcome, TaskOrder, Tasks
from mcp_runtime.protocol.errors import Internal
from mcp_runtime.protocol.messages import ErrorBody
from mcp_runtime.sessions.memory import MemorySessions
from mcp_runtime.transports.asgi import ClientGone, Receive, Scope, Send, answer, answer_early
from mcp_runtime.transports.refusals import Refusal, problem
from tenants.principal import Principal

if TYPE_CHECKING:
    from mcp_runtime.connectors.remote import Remotes

log = logging.getLogger("stoa.gateway")


class Figures(NamedTuple):
    calls: int
    """In flight."""
    streams: int
    """That stay open."""
    plans: int
    """In memory."""
    plan_loads: int
    """Since the start; a load is a miss of that memory."""


class Gateway:
    """Serves `/t/<tenant>/<endpoint>/mcp`, with `sse` and `messages` beside it. It needs no database, no Redis and no
    Django: only its ports."""

    def __init__(
        self,
        catalogue: Catalogue,
        credentials: Credentials,
        sandboxes: Sandboxes,
        settings: GatewaySettings,
        *,
        outlet: Outlet = to_stderr,
        sessions: Sessions | None = None,
        remotes: Remotes | None = None,
        remember: bool = True,
        tasks: Tasks | None = None,
    ) -> None:
        """`sessions` is shared by all gateways of a platform; without it this one keeps its own. Without `remotes` no
        members of kind `remote` are served; they are closed with the gateway.
        Without `tasks` no call becomes one; they are closed with the gateway.
        With `remember` it keeps the state of workers' sessions, which a server in this process keeps itself."""
        self._remotes = remotes
        self._sessions: Sessions = MemorySessions() if sessions is None else sessions
        if remember:
            sandboxes = RememberingSandboxes(sandboxes, self._sessions)
        self._plans = Plans(catalogue, sandboxes, remotes, on_change=self._plan_changed, tasks=tasks is not None)
        self._principals = Principals(credentials, seconds=settings.principal_seconds)
        self._doorkeeper = Doorkeeper(settings)
        self._challenges = Challenges(settings.public_url)
        self._records = Records(outlet)
        sealer = Sealer(settings.sealing_key)
        rounds = Rounds(sealer, self._sessions)
        limits = Limits(settings.caps)
        self._shared_limits = None if sessions is None else SharedLimits(limits, sessions)
        self._services = Services(
            settings=settings,
            sessions=self._sessions,
            hub=Hub(self._sessions),
            limits=limits,
            pages=Pages(sealer, settings.page_items),
            rounds=rounds,
            standing=StandingStreams(self._principals, self._sessions, seconds=settings.principal_seconds),
            background=None if tasks is None else Background(tasks, rounds, sealer),
        )
        self._starting: asyncio.Task[None] | None = None

    @property
    def figures(self) -> Figures:
        """What goes on in this process right now."""
        limits = self._services.limits
        return Figures(limits.in_flight, limits.open_streams, len(self._plans), self._plans.loads)

    @staticmethod
    def serves(scope: Scope) -> bool:
        """Whether a request is for a gateway: what the composition root routes by."""
        return scope["type"] == "http" and str(scope["path"]).startswith("/t/")

    async def start(self) -> None:
        """Begin to follow revocations and changed plans. The first request does it where no one else does."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        await asyncio.shield(self._starting)

    def drain(self) -> None:
        """End the streams that stay open, telling their clients to come back at once; calls go on to their end."""
        self._services.standing.send_away()

    async def aclose(self) -> None:
        await self._services.standing.aclose()
        await self._services.rounds.aclose()
        if self._services.background is not None:
            await self._services.background.tasks.aclose()
        if self._shared_limits is not None:
            await self._shared_limits.aclose()
        await self._services.hub.aclose()
        await self._sessions.aclose()
        await self._plans.aclose()
        if self._remotes is not None:
            await self._remotes.aclose()
        await self._principals.aclose()
        await self._records.aclose()
        self._starting = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        if self._starting is None or not self._starting.done():
            await self.start()
        record = CallRecord(f"req_{os.urandom(12).hex()}", at=records.now())
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
        await self._sessions.start()
        if self._shared_limits is not None:
            self._shared_limits.start()
        self._services.hub.start()
        if self._services.background is not None:
            await self._services.background.tasks.start()
        self._services.standing.start()

    async def _serve(self, scope: Scope, receive: Receive, send: Send, record: CallRecord) -> None:
        where = admission.address(scope)
        if where is None:
            raise admission.not_found()
        record.tenant, record.endpoint = where.tenant, where.endpoint
        head = admission.head(scope)
        self._doorkeeper.check_host_and_origin(head)
        if head.origin is None:
            await self._serve_admitted(scope, where, head, receive, send, record)
        else:
            await self._serve_page(scope, where, head, receive, cors.readable_by(head.origin, send), record)

    async def _serve_page(
        self, scope: Scope, where: Address, head: Head, receive: Receive, send: Send, record: CallRecord
    ) -> None:
        """Serve a page of an allowed origin, which reads refusals too."""
        if cors.is_preflight(scope):
            record.method, record.status = "OPTIONS", 204
            await cors.answer_preflight(scope, send)
            return
        try:
            await self._serve_admitted(scope, where, head, receive, send, record)
        except Refusal as refusal:
            await _refuse(refusal, receive, send, record)

    async def _serve_admitted(
        self, scope: Scope, where: Address, head: Head, receive: Receive, send: Send, record: CallRecord
    ) -> None:
        refuse_query_token(scope.get("query_string", b""))
        token, principal, plan = await self._admit(where, head)
        record.tenant_id, record.subject = principal.tenant, principal.subject
        visit = Visit(where, head, token, principal, plan, receive, send, record)
        await self._serve_visit(visit, str(scope["method"]), scope.get("query_string", b""))

    async def _serve_visit(self, visit: Visit, method: str, query: bytes) -> None:
        services = self._services
        match visit.where.door, method:
            case ("mcp" | "messages", "POST"):
                self._doorkeeper.check_body_headers(visit.head, streams=visit.where.door == "mcp")
                body = await read(visit, services)
                if visit.where.door == "mcp":
                    await Post(visit, services).serve(body)
                else:
                    await http_sse.serve_message(visit, services, query, body)
            case ("mcp", "GET"):
                await gets.serve_get(visit, services)
            case ("mcp", "DELETE"):
                await gets.serve_delete(visit, services)
            case ("sse", "GET"):
                await http_sse.serve_stream(visit, services)
            case ("sse", _):
                raise admission.method_not_allowed("GET")
            case _:
                raise admission.method_not_allowed()

    async def run_task(self, order: TaskOrder, journal: Journal) -> Outcome:
        """Run a task in this process: what `MemoryTasks` asks of the gateway that it belongs to."""
        plan = await self._plans.plan(order.tenant, order.endpoint)
        announce = partial(self._services.hub.announce, order.endpoint_id)
        try:
            return await task_running.run(order, plan, journal, announce)
        except CutOff as cut:
            return ErrorBody(cut.error.code, cut.error.message, cut.error.data)

    def _plan_changed(self, tenant: str, endpoint: str) -> None:
        """Tell those who listen to an endpoint which of its lists are others now."""
        before = {
            visitor.plan.endpoint_id: visitor
            for visitor in self._services.standing.visitors
            if tenant in ("*", visitor.where.tenant) and endpoint in ("*", visitor.where.endpoint)
        }
        for visitor in before.values():
            self._services.hub.keep(self._compare(visitor))

    async def _compare(self, visitor: Visitor) -> None:
        before = visitor.plan
        try:
            after = await self._plans.plan(visitor.where.tenant, visitor.where.endpoint)
        except PlanError:
            return  # nothing else is served yet
        if after is None or after.endpoint_id != before.endpoint_id:
            return
        for kind in ("tools", "resources", "prompts"):
            if after.differs(before.whole, kind):
                self._services.hub.announce_here(before.endpoint_id, f"notifications/{kind}/list_changed", b"{}")

    async def _admit(self, where: Address, head: Head) -> tuple[str, Principal, CompiledPlan]:
        """Who calls, and what they call. Only callers of the tenant itself learn whether an endpoint exists."""
        token = bearer_token(head.authorization)
        if token is None:
            raise self._challenges.unauthenticated(where.path, token_sent=False)
        credential = (token, where.tenant, head.client)
        principal = self._principals.known(*credential) or await self._principals.authenticate(*credential)
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
        return token, principal, plan.seen_by(principal) if principal.only else plan


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
    headers = (JSON, *refusal.headers)
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
        await answer(send, 500, error_message(error, None, legacy=False), (JSON,))
    except RuntimeError:
        log.warning("Request %s had been answered in part.", record.request_id)
