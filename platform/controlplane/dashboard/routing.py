"""The dashboard's WebSockets."""

from __future__ import annotations

from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.urls import path, re_path

from controlplane.dashboard.consumers import NOT_FOUND, BuildLogConsumer


class Nowhere(AsyncWebsocketConsumer):
    """Any other address: closed politely instead of failing in the server's log."""

    async def connect(self) -> None:
        await self.accept()
        await self.close(NOT_FOUND)


websocket_urlpatterns: list[Any] = [
    path("live/<str:tenant>/revisions/<str:revision>/log", BuildLogConsumer.as_asgi()),
    re_path(r"", Nowhere.as_asgi()),
]
