"""One request as its transport carries it: who calls, and the way back to the client while the call runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from mcp_runtime.framework.errors import ToolError

if TYPE_CHECKING:
    from mcp_runtime.ports.workers import Caller

Question = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]

__all__ = ("AskingExchange", "CannotAsk", "Exchange", "ask")


class Exchange(Protocol):
    """What a transport gives for one request. Its methods return at once; delivery is the transport's business."""

    @property
    def caller(self) -> Caller:
        """Who calls and what they want to hear of."""

    @property
    def request_id(self) -> str:
        """Unique among the requests in flight."""

    def log(self, level: str, logger: str | None, data: object) -> None:
        """Send `notifications/message`. Called only for levels the caller asked for."""

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        """Send `notifications/progress`. Called only if the caller asked for progress."""


class AskingExchange(Exchange, Protocol):
    """An exchange that can also put questions to the client: sampling, elicitation, roots."""

    async def ask(self, method: str, params: dict[str, object]) -> dict[str, object]:
        """The result of a request to the client. Raises McpError when it refuses."""


class CannotAsk(ToolError):
    """This client, or the transport it came by, cannot be asked."""


async def ask(exchange: Exchange, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Put a question to the client. Raises CannotAsk."""
    question: Question | None = getattr(exchange, "ask", None)
    if question is None:
        raise CannotAsk(
            f"The tool needs an answer from the client ({method}), and this connection cannot carry questions to it. "
            "Call it from a client and transport that support them."
        )
    return await question(method, params)
