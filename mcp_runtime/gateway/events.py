"""Notifications of one call, from the worker to the client who asked for them (PROTOCOL 2.4).

Progress goes to clients that sent a token, with that token, while it grows. Log messages go to clients of
2026-07-28 that named a level in the request, and to older clients from `info` on: without a session there is nothing
that could remember another level. What a worker sends is hostile: malformed notifications are dropped.
"""

from __future__ import annotations

import math

import msgspec

from mcp_runtime.ports.sandboxes import EventSink
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import ParseError
from mcp_runtime.protocol.ladder import Request
from mcp_runtime.protocol.messages import LEVEL_RANK, LogMessage, NotificationMessage, Progress
from mcp_runtime.transports.streamable_http import ResponseStream

_PROGRESS = msgspec.json.Decoder(Progress)
_LOG_MESSAGE = msgspec.json.Decoder(LogMessage)


def events_of(request: Request, stream: ResponseStream) -> EventSink | None:
    """Where a worker's notifications about `request` go; None when the client wants none."""
    if request.progress_token is None and request.log_level is None:
        return None
    return _CallEvents(request, stream)


class _CallEvents:
    __slots__ = ("_lowest", "_progress", "_request", "_stream")

    def __init__(self, request: Request, stream: ResponseStream) -> None:
        self._request = request
        self._stream = stream
        self._progress = -math.inf
        self._lowest = math.inf if request.log_level is None else LEVEL_RANK[request.log_level]

    def __call__(self, method: str, params: msgspec.Raw) -> None:
        try:
            if method == "notifications/progress":
                self._on_progress(_PROGRESS.decode(params))
            elif method == "notifications/message":
                self._on_message(_LOG_MESSAGE.decode(params))
        except (msgspec.MsgspecError, ParseError, RecursionError, ValueError):
            return

    def _on_progress(self, progress: Progress) -> None:
        token = self._request.progress_token
        if token is None or not progress.progress > self._progress:
            return
        self._progress = progress.progress
        progress.progress_token = token
        if not self._request.revision.progress_message:
            progress.message = None
        self._notify("notifications/progress", progress)

    def _on_message(self, message: LogMessage) -> None:
        if LEVEL_RANK[message.level] < self._lowest:
            return
        message.data = codec.sound(message.data)
        self._notify("notifications/message", message)

    def _notify(self, method: str, params: object) -> None:
        self._stream.notify(codec.write(NotificationMessage(method, params)))
