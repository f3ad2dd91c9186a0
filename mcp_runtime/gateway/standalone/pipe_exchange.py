"""One request that came by a pipe, as the framework sees it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.ladder import Request
from mcp_runtime.protocol.messages import LEVEL_RANK

Ask = Callable[[str, dict[str, object]], Awaitable[dict[str, object]]]


class PipeExchange:
    """Notifications go out in the order in which they are made, from whatever thread."""

    transport = "stdio"

    def __init__(self, request: Request, send: Callable[[bytes], None], watched: set[str], session: str) -> None:
        self.caller = Caller(
            request_id=str(request.id),
            subject="",
            client_id="",
            protocol_version=request.revision.name,
            client_capabilities=request.capabilities,
            progress=request.progress_token is not None,
            log_level=request.log_level,
            session=session,
        )
        self.request_id = self.caller.request_id
        self.ask: Ask | None = None
        self._request = request
        self._send = send
        self._watched = watched
        self._lowest = math.inf if request.log_level is None else LEVEL_RANK[request.log_level]
        self._loop = asyncio.get_running_loop()

    def log(self, level: str, logger: str | None, data: object) -> None:
        if LEVEL_RANK.get(level, -1) >= self._lowest:
            self.notify("notifications/message", {"level": level, "logger": logger, "data": data})

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        if self._request.progress_token is None:
            return
        params = {"progressToken": self._request.progress_token, "progress": progress, "total": total}
        if self._request.revision.progress_message:
            params["message"] = message
        self.notify("notifications/progress", params)

    def notify(self, method: str, params: dict[str, Any]) -> None:
        if method == "notifications/resources/updated" and params.get("uri") not in self._watched:
            return
        kept = {key: value for key, value in params.items() if value is not None}
        message = codec.write({"jsonrpc": "2.0", "method": method, "params": kept})
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            self._send(message)
        else:
            self._loop.call_soon_threadsafe(self._send, message)
