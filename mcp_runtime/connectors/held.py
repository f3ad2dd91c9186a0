"""Components whose definitions wait for approval: their calls are refused, and their server is not asked.

It stands in the member's place for these components only, so that no other call pays for it.
"""

from __future__ import annotations

from typing import Literal, NoReturn, TypeAlias

import msgspec

from mcp_runtime.connectors.upstream import Upstream
from mcp_runtime.ports.sandboxes import Asker, EventSink
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import InvalidRequest, McpError
from mcp_runtime.transports.refusals import problem

Reason: TypeAlias = Literal["new", "changed", "refused"]

_WHY: dict[Reason, str] = {
    "new": "its server began to offer it, and nobody approved that yet",
    "changed": "its server changed its definition, and nobody approved that yet",
    "refused": "its server's definition of it was refused",
}


class DefinitionHeld(McpError):
    """The endpoint holds a definition that was not approved."""

    code = InvalidRequest.code


class HeldBack:
    """Refuses each call of one component."""

    __slots__ = ("_name", "_reason", "_upstream")

    def __init__(self, upstream: Upstream, *, name: str, reason: Reason) -> None:
        self._upstream = upstream
        self._name = name
        self._reason = reason

    @property
    def kind(self) -> str:
        return self._upstream.kind

    async def call(
        self,
        method: str,
        params: msgspec.Raw,
        *,
        caller: Caller,
        on_event: EventSink | None = None,
        asker: Asker | None = None,
    ) -> NoReturn:
        hint = "Ask whoever runs the endpoint to look at the change and approve it."
        raise DefinitionHeld(
            f"{self._name!r} is held: {_WHY[self._reason]}.",
            data=problem("definition_held", "upstream", hint, caller.request_id, reason=self._reason),
        )
