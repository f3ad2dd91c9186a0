"""One request as its transport carries it: who calls, and the way back to the client while the call runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from mcp_runtime.framework.errors import ToolError

if TYPE_CHECKING:
    from mcp_runtime.ports.workers import Caller

Question = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]

__all__ = (
    "ANSWER_SECONDS",
    "AskingExchange",
    "CannotAsk",
    "Exchange",
    "NoAnswer",
    "ask",
    "can_answer",
    "declares",
    "notify",
    "session_of",
)

ANSWER_SECONDS = 300.0
"""How long a client may take over a question, people being slow, before the call that asks fails."""


class Exchange(Protocol):
    """What a transport gives for one request. Its methods return at once; delivery is the transport's business.

    A transport may offer more, and the framework looks for it by name: `ask` (see AskingExchange); `notify(method,
    params)` for the notifications that are neither logs nor progress; `session_id`, the transport's session;
    `http_request`, an object with `headers`, where the request came by HTTP; `transport`, the transport's name;
    `access_token`, who calls as the server's own auth provider verified it.
    """

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


class NoAnswer(ToolError):
    """The client did not answer in time."""


async def ask(
    exchange: Exchange,
    method: str,
    params: dict[str, Any],
    *,
    needs: str | None = None,
    seconds: float | None = None,
) -> dict[str, Any]:
    """Put a question to the client. Raises CannotAsk, NoAnswer after `seconds`, or McpError when it refuses.

    A task waits as long as it takes: nobody holds a connection open for it.

    The client must have declared the capability that `method` belongs to, and within it the part that `needs` names
    (PROTOCOL S-01, MR-02).
    """
    question: Question | None = getattr(exchange, "ask", None)
    if question is None:
        raise CannotAsk(
            f"The tool needs an answer from the client ({method}), and this connection cannot carry questions to it. "
            "Call it from a client and transport that support them."
        )
    if not declares(exchange, method, needs=needs):
        capability = _CAPABILITIES[method] + ("" if needs is None else f".{needs}")
        raise CannotAsk(
            f"The tool needs an answer from the client ({method}), and the client did not declare the capability "
            f"{capability!r}. Give the client a handler for it."
        )
    import asyncio

    limit = ANSWER_SECONDS if seconds is None and exchange.caller.task is None else seconds
    timer = asyncio.timeout(limit)
    try:
        async with timer:
            return await question(method, params)
    except TimeoutError as error:
        if limit is None or not timer.expired():
            raise
        raise NoAnswer(f"The client did not answer {method} within {limit:g} s.") from error


def can_answer(exchange: Exchange, method: str, *, needs: str | None = None) -> bool:
    """Whether the client can be asked such questions while the call waits."""
    return getattr(exchange, "ask", None) is not None and declares(exchange, method, needs=needs)


def declares(exchange: Exchange, method: str, *, needs: str | None = None) -> bool:
    """Whether the client declared that it answers such questions (PROTOCOL S-01, MR-02)."""
    declared = exchange.caller.client_capabilities.get(_CAPABILITIES[method])
    if not isinstance(declared, dict):
        return False
    if needs is None:
        return True
    if needs == "form":  # an empty elicitation capability means forms
        return "form" in declared or not declared
    return declared.get(needs) is not None


def session_of(exchange: Exchange) -> str | None:
    """What names the client's session: the transport's word for it, or the platform's; None where there is none."""
    named: str | None = getattr(exchange, "session_id", None)
    return exchange.caller.session if named is None else named


def notify(exchange: Exchange, method: str, params: dict[str, Any]) -> None:
    """Send a notification, where the transport has a way for it."""
    send: Callable[[str, dict[str, Any]], None] | None = getattr(exchange, "notify", None)
    if send is not None:
        send(method, params)


_CAPABILITIES = {"sampling/createMessage": "sampling", "elicitation/create": "elicitation", "roots/list": "roots"}
