"""What the gateway asks of whatever stands behind an endpoint's member, of any kind."""

from __future__ import annotations

from typing import Protocol

import msgspec

from mcp_runtime.ports.sandboxes import Asker, EventSink
from mcp_runtime.ports.workers import Caller


class Upstream(Protocol):
    """One member of an endpoint, ready to be called."""

    @property
    def kind(self) -> str:
        """Of its server, for records and metrics."""

    async def call(
        self,
        method: str,
        params: msgspec.Raw,
        *,
        caller: Caller,
        on_event: EventSink | None = None,
        asker: Asker | None = None,
    ) -> msgspec.Raw:
        """Run `tools/call`, `resources/read` or `prompts/get`; the result object as raw JSON, not to be trusted.

        Cancelling the coroutine cancels the call. Raises McpError, which says whose fault it was.
        """
