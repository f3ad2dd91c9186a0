"""The gateway's ports for one server in this process."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import msgspec

from mcp_runtime.framework.auth.tokens import AccessToken, current_access_token
from mcp_runtime.framework.serving import serve, wants
from mcp_runtime.ports.plans import Member, PlanDocument
from mcp_runtime.ports.sandboxes import UpstreamError
from mcp_runtime.ports.workers import Caller, Manifest, Worker
from mcp_runtime.protocol.errors import McpError
from tenants.principal import Principal

if TYPE_CHECKING:
    from starlette.requests import Request

    from mcp_runtime.framework.server import FastMCP
    from mcp_runtime.ports.sandboxes import Asker, EventSink

TENANT, ENDPOINT = "standalone", "server"
PATH = f"/t/{TENANT}/{ENDPOINT}"
"""Where the gateway finds the server; clients never see it."""

Ask = Callable[[str, dict[str, object]], Awaitable[dict[str, object]]]

current_request: ContextVar[Request | None] = ContextVar("current_request", default=None)
"""The HTTP request being answered, for `get_http_request()`."""

_WORKER = Worker(TENANT, ENDPOINT, "current", code="", entrypoint="")
_ISSUER = "standalone"


def plan(server: FastMCP) -> PlanDocument:
    """Nothing but who the server is: components are asked for when they are needed."""
    return PlanDocument(
        tenant_id=TENANT,
        tenant=TENANT,
        endpoint_id=ENDPOINT,
        endpoint=ENDPOINT,
        version=1,
        server_name=server.name,
        server_version=server.version,
        instructions=server.instructions,
        members=(Member(ENDPOINT, "python", _WORKER, varying=tuple(wants(server))),),
        live=True,
    )


def principal(token: AccessToken | None) -> Principal:
    """Who calls, as far as the server's `auth=` found out. Without it everybody is the same nobody."""
    return Principal(
        tenant=TENANT,
        issuer=_ISSUER,
        subject="" if token is None else token.subject or token.client_id,
        kind="client",
        client_id="" if token is None else token.client_id,
        scopes=frozenset({"mcp:call", *(() if token is None else token.scopes)}),
        roles=frozenset(),
        audience=ENDPOINT,
    )


def credential(caller: Principal) -> str:
    """What stands for an admitted caller inside this process. It is put into requests here, never taken from them."""
    return base64.urlsafe_b64encode(msgspec.json.encode(caller)).decode().rstrip("=")


class LocalServer:
    """The Catalogue, Credentials and Sandboxes ports at once."""

    def __init__(self, server: FastMCP, *, transport: str, quiet: bool = False) -> None:
        self._server = server
        self._transport = transport
        self._quiet = quiet
        """Whether clients get one JSON answer and no notifications before it."""

    async def plan(self, tenant: str, endpoint: str) -> PlanDocument | None:
        return plan(self._server) if (tenant, endpoint) == (TENANT, ENDPOINT) else None

    async def changes(self) -> AsyncIterator[tuple[str, str]]:
        """None: a live plan does not change."""
        await asyncio.Event().wait()
        yield "*", "*"

    async def authenticate(self, token: str, *, tenant: str) -> Principal | None:
        padded = token + "=" * (-len(token) % 4)
        return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Principal)

    async def refused(self, principal: Principal, fault: str) -> None:
        """Never: nothing limits where a credential counts."""

    async def revocations(self) -> AsyncIterator[str]:
        """None: `auth=` judges every request anew."""
        await asyncio.Event().wait()
        yield "*"

    async def call(
        self,
        worker: Worker,
        method: str,
        params: msgspec.Raw,
        *,
        caller: Caller,
        on_event: EventSink | None = None,
        asker: Asker | None = None,
    ) -> msgspec.Raw:
        """Answer one request in this process. Raises McpError."""
        if self._quiet:
            on_event = asker = None
        exchange = LocalExchange(caller, on_event, asker, transport=self._transport)
        result = await serve(self._server, method, msgspec.json.decode(params), exchange)
        return msgspec.Raw(msgspec.json.encode(result))

    async def describe(self, worker: Worker) -> Manifest:
        return Manifest(name=self._server.name)


class LocalExchange:
    """One request, as the framework sees it."""

    def __init__(
        self,
        caller: Caller,
        on_event: EventSink | None,
        asker: Asker | None,
        *,
        transport: str,
    ) -> None:
        self.caller = caller
        self.request_id = caller.request_id
        self.transport = transport
        self.ask: Ask | None = None if asker is None else _asking(asker)
        """None where the client cannot be asked."""
        self.http_request = current_request.get()
        self.access_token = current_access_token.get()
        self._on_event = on_event
        self._loop = asyncio.get_running_loop()

    def log(self, level: str, logger: str | None, data: object) -> None:
        message: dict[str, Any] = {"level": level, "data": data}
        if logger is not None:
            message["logger"] = logger
        self._tell("notifications/message", message)

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        self._tell("notifications/progress", {"progress": progress, "total": total, "message": message})

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Announce a changed list, an updated resource, …"""
        self._tell(method, params)

    def _tell(self, method: str, params: dict[str, Any]) -> None:
        """From any thread: synchronous functions run in some."""
        if self._on_event is None:
            return
        event = msgspec.Raw(msgspec.json.encode({key: value for key, value in params.items() if value is not None}))
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            self._on_event(method, event)
        else:
            self._loop.call_soon_threadsafe(self._on_event, method, event)


def _asking(asker: Asker) -> Ask:
    async def ask(method: str, params: dict[str, object]) -> dict[str, object]:
        try:
            answer: dict[str, object] = msgspec.json.decode(
                await asker(method, msgspec.Raw(msgspec.json.encode(params)))
            )
        except UpstreamError as error:
            raise McpError(error.message, code=error.code, data=error.data) from None
        return answer

    return ask
