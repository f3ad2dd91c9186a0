"""Count a request's bytes before Django spools them: Django itself takes a body of any length to disk first."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from controlplane.api.problems import Problem
from tenants.identifiers import new_id

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MEGABYTE = 1024 * 1024
MAX_BODY_BYTES = MEGABYTE
"""Of any other request: forms and JSON."""
MULTIPART_OVERHEAD = MEGABYTE
MAX_DOCUMENT_BYTES = 20 * MEGABYTE
"""Of a request that holds a document: an API's, which is a text inside of JSON, or a static server's."""
_DEPLOY = re.compile(r"/api/v1/tenants/[^/]+/servers/[^/]+/revisions")
_DOCUMENT = re.compile(r"/api/v1/tenants/[^/]+/(?:openapi/preview|servers/[^/]+/(?:openapi|static))")


class BodyLimit:
    """ASGI middleware. Deploys may upload `upload_bytes`, APIs' documents are bounded by their own limit, and
    everything else stays small. The answer names the limit."""

    def __init__(self, application: Application, *, upload_bytes: int) -> None:
        self.application = application
        self.upload_bytes = upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        upload = scope["method"] == "POST" and _DEPLOY.fullmatch(scope["path"]) is not None
        small = MAX_DOCUMENT_BYTES if _DOCUMENT.fullmatch(scope["path"]) is not None else MAX_BODY_BYTES
        limit = self.upload_bytes + MULTIPART_OVERHEAD if upload else small
        shown = self.upload_bytes if upload else limit
        if _declared_length(scope) > limit:
            await _refuse(send, shown)
            return
        seen = 0
        answered = False

        async def counted() -> Message:
            nonlocal seen
            if seen > limit:
                return {"type": "http.disconnect"}
            message = await receive()
            seen += len(message.get("body", b""))
            # To Django it looks as if the client had gone: it drops what it has and answers nothing.
            return message if seen <= limit else {"type": "http.disconnect"}

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        await self.application(scope, counted, noted)
        if seen > limit and not answered:
            await _refuse(send, shown)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 20 else 0
    return 0


async def _refuse(send: Send, limit: int) -> None:
    response = Problem(
        413,
        "too_large",
        f"The request is larger than {limit // MEGABYTE} MB.",
        hint="Send less: leave data, caches and virtual environments out of a bundle.",
        extra={"limit_bytes": limit},
    ).response(new_id("req"))
    headers = [(name.lower().encode(), value.encode()) for name, value in response.items()]
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})
