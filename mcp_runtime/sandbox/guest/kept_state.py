"""State of sessions, kept by the host: it outlives the worker (see `framework.state.StateStore`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mcp_runtime.framework.errors import ToolError
from mcp_runtime.ports.state import STATE_DELETE, STATE_GET, STATE_PUT
from mcp_runtime.protocol.errors import McpError

if TYPE_CHECKING:
    from mcp_runtime.sandbox.guest.exchange import CallExchange


class KeptState:
    """A StateStore by way of one call."""

    def __init__(self, exchange: CallExchange) -> None:
        self._exchange = exchange

    async def get(self, key: str, *, collection: str | None = None) -> dict[str, Any] | None:
        value = (await self._exchange.ask(STATE_GET, {"key": key})).get("value")
        return value if isinstance(value, dict) else None

    async def put(
        self, key: str, value: dict[str, Any], *, collection: str | None = None, ttl: float | None = None
    ) -> None:
        """Raises ToolError for values that are no JSON, or take too much room."""
        try:
            kept = msgspec.json.decode(msgspec.json.encode(value))
        except (TypeError, msgspec.MsgspecError) as error:
            raise ToolError(
                f"A session keeps values that are JSON: {error}. Convert the value, or keep it for this request alone "
                "with set_state(…, serializable=False)."
            ) from error
        try:
            await self._exchange.ask(STATE_PUT, {"key": key, "value": kept})
        except McpError as error:
            raise ToolError(error.message) from error

    async def delete(self, key: str, *, collection: str | None = None) -> bool:
        return bool((await self._exchange.ask(STATE_DELETE, {"key": key})).get("existed"))
