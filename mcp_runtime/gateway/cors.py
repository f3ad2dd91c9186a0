"""Web pages as clients: what a browser wants to hear before a page of an allowed origin may call (PROTOCOL H-10).

Which origins are allowed, the doorkeeper has decided by then. Pages send tokens and no cookies, so credentials in the
sense of CORS are never allowed: <https://fetch.spec.whatwg.org/#http-cors-protocol>.
"""

from __future__ import annotations

from mcp_runtime.transports.asgi import Header, Message, Scope, Send, answer

PREFLIGHT_SECONDS = 600
METHODS = b"GET, POST, DELETE"
REQUEST_HEADERS = (
    b"authorization",
    b"content-type",
    b"accept",
    b"mcp-protocol-version",
    b"mcp-method",
    b"mcp-name",
    b"mcp-session-id",
    b"last-event-id",
    b"traceparent",
    b"tracestate",
    b"baggage",
)
PARAMETER_PREFIX = b"mcp-param-"
"""Tools name their own headers. `*` is no way to allow them, as it leaves out Authorization."""
EXPOSED = b"Mcp-Session-Id, WWW-Authenticate, Retry-After"
MAX_ASKED = 64


def is_preflight(scope: Scope) -> bool:
    """Whether a browser asks for a page, before the page's own request."""
    return scope["method"] == "OPTIONS" and any(
        name == b"access-control-request-method" for name, _ in scope["headers"]
    )


async def answer_preflight(scope: Scope, send: Send) -> None:
    """What pages may send. `send` is one that `readable_by` made."""
    asked = [
        name.strip().lower()
        for key, value in scope["headers"]
        if key == b"access-control-request-headers"
        for name in value.split(b",")[:MAX_ASKED]
    ]
    own = [name for name in asked if name.startswith(PARAMETER_PREFIX) and _is_token(name)]
    headers = [
        (b"access-control-allow-methods", METHODS),
        (b"access-control-allow-headers", b", ".join([*REQUEST_HEADERS, *own])),
        (b"access-control-max-age", str(PREFLIGHT_SECONDS).encode()),
    ]
    await answer(send, 204, b"", headers)


def readable_by(origin: str, send: Send) -> Send:
    """`send`, with what lets a page of `origin` read the answer."""
    added: tuple[Header, ...] = (
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", EXPOSED),
        (b"vary", b"Origin"),
    )

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return sending


def _is_token(name: bytes) -> bool:
    return name.replace(b"-", b"").replace(b"_", b"").replace(b".", b"").isalnum()
