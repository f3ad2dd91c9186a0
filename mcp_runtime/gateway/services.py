"""What the parts of a gateway share, and what they know of the request they serve."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from mcp_runtime.gateway import tracing
from mcp_runtime.gateway.admission import Address, Head
from mcp_runtime.gateway.background import Background
from mcp_runtime.gateway.hub import Hub
from mcp_runtime.gateway.limits import Limits
from mcp_runtime.gateway.paging import Pages
from mcp_runtime.gateway.plans import CompiledPlan
from mcp_runtime.gateway.records import CallRecord
from mcp_runtime.gateway.rounds import Rounds
from mcp_runtime.gateway.settings import GatewaySettings
from mcp_runtime.gateway.standing import StandingStreams
from mcp_runtime.ports.sessions import Session, Sessions
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import McpError
from mcp_runtime.protocol.ladder import Request, RequestId
from mcp_runtime.protocol.messages import ErrorMessage
from mcp_runtime.transports.asgi import Header, Receive, Send
from tenants.principal import Principal

JSON: Header = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class Services:
    """One per gateway."""

    settings: GatewaySettings
    sessions: Sessions
    hub: Hub
    limits: Limits
    pages: Pages
    rounds: Rounds
    standing: StandingStreams
    background: Background | None = None
    """None where nothing becomes a task."""


class Visit(msgspec.Struct):
    """One admitted request."""

    where: Address
    head: Head
    token: str
    principal: Principal
    plan: CompiledPlan
    receive: Receive
    send: Send
    record: CallRecord

    def owns(self, session: Session | None) -> bool:
        """Whether the session is this caller's, at this endpoint (PROTOCOL G-02, A-13)."""
        return (
            session is not None
            and session.owner == self.principal.identity
            and session.endpoint_id == self.plan.endpoint_id
        )

    def begin(self, request: Request, settings: GatewaySettings) -> None:
        """Put into the record what is asked."""
        self.record.method, self.record.protocol = request.method, request.revision.name
        if settings.traced_percent is not None:
            self.record.trace = tracing.begin(request.params.get("_meta"), self.head.sent, settings.traced_percent)

    def note(self, error: McpError) -> None:
        """Put an error into the record."""
        self.record.note(error)


def error_message(error: McpError, request_id: RequestId | None, *, legacy: bool) -> bytes:
    """The answer that is an error."""
    message = ErrorMessage(error.as_object(legacy=legacy))
    if request_id is not None:
        message.id = request_id
    return codec.write(message)
