"""Count a request's bytes before Django spools them: Django itself takes a body of any length to disk first, and waits
for it without end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from controlplane.api.problems import Problem
from mcp_runtime.transports.asgi import answer_early
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
BODY_SECONDS = 20.0
"""What any body may take, and `SLOWEST` bytes of it a second more."""
SLOWEST = 16 * 1024
_DEPLOY = re.compile(r"/api/v1/tenants/[^/]+/servers/[^/]+/revisions")
_DOCUMENT = re.compile(r"/api/v1/tenants/[^/]+/(?:openapi/preview|servers/[^/]+/(?:openapi|static))")


class BodyLimit:
    """ASGI middleware. Deploys may upload `upload_bytes`, APIs' documents are bounded by their own limit, and
    everything else stays small; all of it has to come at some pace. The answer names the limit."""

    def __init__(self, application: Application, *, upload_bytes: int, seconds: float = BODY_SECONDS) -> None:
        self.application = application
        self.upload_bytes = upload_bytes
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        upload = scope["method"] == "POST" and _DEPLOY.fullmatch(scope["path"]) is not None
        small = MAX_DOCUMENT_BYTES if _DOCUMENT.fullmatch(scope["path"]) is not None else MAX_BODY_BYTES
        limit = self.upload_bytes + MULTIPART_OVERHEAD if upload else small
        shown = self.upload_bytes if upload else limit
        if _declared_length(scope) > limit:
            await _refuse(receive, send, _too_large(shown))
            return
        body = _Body(receive, limit, self.seconds)
        answered = False

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        await self.application(scope, body.receive, noted)
        if not answered and (body.is_large or body.is_slow):
            await _refuse(receive, send, _too_large(shown) if body.is_large else _too_slow())


class _Body:
    """What comes, until it is too much or too slow. To Django it then looks as if the client had gone: it drops what
    it has and answers nothing."""

    def __init__(self, receive: Receive, limit: int, seconds: float) -> None:
        self.is_slow = False
        self._receive = receive
        self._limit = limit
        self._seconds = seconds
        self._began: float | None = None
        self._seen = 0
        self._whole = False

    @property
    def is_large(self) -> bool:
        return self._seen > self._limit

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()
        if not self.is_large and not self.is_slow:
            try:
                async with asyncio.timeout_at(self._deadline()):
                    message = await self._receive()
            except TimeoutError:
                self.is_slow = True
            else:
                self._seen += len(message.get("body", b""))
                self._whole = not message.get("more_body", False) and not self.is_large
                if not self.is_large:
                    return message
        return {"type": "http.disconnect"}

    def _deadline(self) -> float:
        if self._began is None:
            self._began = asyncio.get_running_loop().time()
        return self._began + self._seconds + self._seen / SLOWEST


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 20 else 0
    return 0


def _too_large(limit: int) -> Problem:
    return Problem(
        413,
        "too_large",
        f"The request is larger than {limit // MEGABYTE} MB.",
        hint="Send less: leave data, caches and virtual environments out of a bundle.",
        extra={"limit_bytes": limit},
    )


def _too_slow() -> Problem:
    return Problem(
        408,
        "too_slow",
        f"The body came at less than {SLOWEST // 1024} KiB a second.",
        hint="Send it in one go, over a faster connection if there is one.",
    )


async def _refuse(receive: Receive, send: Send, problem: Problem) -> None:
    response = problem.response(new_id("req"))
    headers = [(name.lower().encode(), value.encode()) for name, value in response.items()]
    await answer_early(receive, send, problem.status, response.content, headers)
