"""The dashboard's WebSockets."""

from __future__ import annotations

from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.urls import path, re_path

from controlplane.dashboard.consumers import NOT_FOUND, BuildLogConsumer
from controlplane.dashboard.tail import CallsConsumer
from controlplane.registry import converters  # noqa: F401 - registers `name`


class Nowhere(AsyncWebsocketConsumer):
    """Any other address: closed politely instead of failing in the server's log."""

    async def connect(self) -> None:
        await self.accept()
        await self.close(NOT_FOUND)


# `path` is typed for Django's views; Channels' router calls what it finds as an ASGI application.
build_log: Any = BuildLogConsumer.as_asgi()
calls: Any = CallsConsumer.as_asgi()
nowhere: Any = Nowhere.as_asgi()

websocket_urlpatterns = [
    path("live/<name:tenant>/revisions/<name:revision>/log", build_log),
    path("live/<name:tenant>/calls", calls),
    re_path(r"", nowhere),
]
