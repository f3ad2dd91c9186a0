"""What a server's HTTP answers mean: results, errors, refusals, and signs of an older server (PROTOCOL V-13, 2.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp_runtime.client.sse import Event
from mcp_runtime.client.transports.eras import MODERN, MODERN_ERRORS, Era, Legacy, is_modern_error
from mcp_runtime.client.transports.wire import object_in, remote_error
from mcp_runtime.framework.errors import ClientError

if TYPE_CHECKING:
    import httpx2

__all__ = ("NoPosts", "NotModern", "Position", "SessionGone", "is_stream", "refusal", "result_in")

_RETRY_SECONDS = 1.0
"""How long to wait before a stream is taken up again, where the server did not say (PROTOCOL G-07)."""
_LONGEST_RETRY = 60.0


class NotModern(ClientError):
    """The server answered as one that knows no modern revision."""


class NoPosts(ClientError):
    """The address does not take the message that begins a session."""


class SessionGone(ClientError):
    """The legacy session has ended at the server."""


class Position:
    """Where a stream is: its last event's id, and how long to wait before taking it up again."""

    def __init__(self) -> None:
        self.last_id: str | None = None
        self.retry = _RETRY_SECONDS

    def noticed(self, event: Event) -> None:
        if event.id is not None:
            self.last_id = event.id
        if event.retry is not None:
            self.retry = min(event.retry / 1000, _LONGEST_RETRY)


def is_stream(answer: httpx2.Response) -> bool:
    return str(answer.headers.get("content-type", "")).startswith("text/event-stream")


def refusal(url: str, status: int, body: bytes, *, era: Era | None, probing: bool) -> Exception:
    """What an HTTP error means: a JSON-RPC error in its body, a refused credential, or an older server."""
    if status in (401, 403):
        return ClientError(f"{url} answered {status}: the key or token is missing, wrong or not enough.")
    try:
        received = object_in(body)
    except ClientError:
        received = {}
    error = received.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    if probing and status < 500 and not (isinstance(code, int) and is_modern_error(status, code)):
        return NotModern(f"{url} answered {status} to a request of {MODERN}.")
    if status == 404 and isinstance(era, Legacy) and era.session_id is not None:
        return SessionGone(f"{url} does not know the session any more.")
    if isinstance(error, dict) and isinstance(code, int):
        return remote_error(error)
    if status in (400, 404, 405) and isinstance(era, Legacy) and era.version is None:
        return NoPosts(f"{url} answered with HTTP status {status}.")
    return ClientError(f"{url} answered with HTTP status {status}.")


def result_in(url: str, message: dict[str, Any], *, probing: bool) -> dict[str, Any]:
    """The result in a response. Raises McpError, NotModern."""
    error, result = message.get("error"), message.get("result")
    if isinstance(error, dict):
        if probing and error.get("code") not in MODERN_ERRORS:
            raise NotModern(f"{url} answered a request of {MODERN} with an error of older servers.")
        raise remote_error(error)
    if not isinstance(result, dict):
        raise ClientError("The server's answer has neither a result nor an error.")
    return result
