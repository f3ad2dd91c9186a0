"""Notifications of one call, from the worker to the client who asked for them (PROTOCOL 2.4).

Progress goes to clients that sent a token, with that token, while it grows. Log messages go to clients of
2026-07-28 that named a level in the request, and to older clients from the level of their session on. What a worker
says about the server's lists and resources goes to all who listen to the endpoint. What a worker sends is hostile:
malformed notifications are dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import msgspec

from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import ParseError
from mcp_runtime.protocol.ladder import Request
from mcp_runtime.protocol.messages import LEVEL_RANK, LogMessage, NotificationMessage, Progress

LIST_CHANGED = frozenset(
    {
        "notifications/tools/list_changed",
        "notifications/resources/list_changed",
        "notifications/prompts/list_changed",
    }
)
RESOURCE_UPDATED = "notifications/resources/updated"
MAX_URI = 2048

Announce = Callable[[str, bytes], None]
"""Tells all who listen to an endpoint: a method, and parameters as JSON."""


class Updated(msgspec.Struct):
    """Parameters of `notifications/resources/updated`."""

    uri: str


class Way(Protocol):
    """The way back to the client of one call."""

    def notify(self, message: bytes) -> None: ...

    def leave(self) -> None:
        """End the connection, where the client can come back for the rest."""


class CallEvents:
    """Where a worker's notifications about one call go. `request` and `way` change when a parked call goes on."""

    __slots__ = ("_announce", "_lowest", "_progress", "_request", "credential", "way")

    def __init__(self, request: Request, way: Way, announce: Announce) -> None:
        self.credential = ""
        """What the connector used at the upstream; only connectors say so."""
        self._announce = announce
        self._progress = -math.inf
        self.redirect(request, way)

    def redirect(self, request: Request, way: Way) -> None:
        self._request = request
        self.way = way
        self._lowest = math.inf if request.log_level is None else LEVEL_RANK[request.log_level]

    def __call__(self, method: str, params: msgspec.Raw) -> None:
        try:
            if method == "notifications/progress":
                self._on_progress(_PROGRESS.decode(params))
            elif method == "notifications/message":
                self._on_message(_LOG_MESSAGE.decode(params))
            elif method in LIST_CHANGED:
                self._announce(method, b"{}")
            elif method == RESOURCE_UPDATED:
                updated = _UPDATED.decode(params)
                if len(updated.uri) <= MAX_URI:
                    self._announce(method, codec.write(updated))
            elif method == "stoa/close_stream":
                self.way.leave()
            elif method == "stoa/credential":
                self.credential = msgspec.json.decode(params, type=str)
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
        self.way.notify(codec.write(NotificationMessage(method, params)))


_PROGRESS = msgspec.json.Decoder(Progress)
_LOG_MESSAGE = msgspec.json.Decoder(LogMessage)
_UPDATED = msgspec.json.Decoder(Updated)
