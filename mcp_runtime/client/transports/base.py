"""The one interface of all client transports."""

from __future__ import annotations

from typing import Any, Protocol, Self

from mcp_runtime.client.handlers import Handlers, ProgressHandler
from mcp_runtime.framework.types import InitializeResult

__all__ = ("Transport",)


class Transport(Protocol):
    """A connection to one server. Opened and closed by the client; `request` may run many times at once."""

    async def open(self, handlers: Handlers, client_info: dict[str, Any]) -> None:
        """Get ready. Nothing is asked of the server yet."""

    async def introduce(self) -> InitializeResult:
        """Agree on an era with the server and learn who it is."""

    async def request(
        self, method: str, params: dict[str, Any], *, progress: ProgressHandler | None = None
    ) -> dict[str, Any]:
        """The result of one request, questions of the server among them (`resultType` "input_required").

        Raises McpError. A request whose task is cancelled is cancelled at the server too.
        """

    async def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification."""

    async def close(self) -> None:
        """Let the connection go."""

    def fresh(self) -> Self:
        """Another transport to the same server, not open."""
