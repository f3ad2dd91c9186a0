"""What a client's `message_handler` receives: every notification of the server (FASTMCP CL-19)."""

from __future__ import annotations

import inspect
from typing import Any

from mcp_runtime.framework.types import Model

__all__ = ("MessageHandler", "ServerMessage")


class ServerMessage(Model):
    """A notification: `.method` and `.params`. `.root` is the notification itself, as older SDKs wrapped it."""

    method: str
    params: dict[str, Any] | None = None

    @property
    def root(self) -> ServerMessage:
        return self


class MessageHandler:
    """Subclass it and write the methods you care for; all may be synchronous or not."""

    async def __call__(self, message: ServerMessage) -> None:
        for hook in (self.on_message, self.on_notification, getattr(self, _HOOKS.get(message.method, ""), None)):
            if hook is not None:
                value = hook(message)
                if inspect.isawaitable(value):
                    await value

    async def on_message(self, message: ServerMessage) -> None:
        """Every message."""

    async def on_notification(self, message: ServerMessage) -> None:
        """Every notification."""

    async def on_progress(self, message: ServerMessage) -> None:
        pass

    async def on_logging_message(self, message: ServerMessage) -> None:
        pass

    async def on_tool_list_changed(self, message: ServerMessage) -> None:
        pass

    async def on_resource_list_changed(self, message: ServerMessage) -> None:
        pass

    async def on_prompt_list_changed(self, message: ServerMessage) -> None:
        pass

    async def on_resource_updated(self, message: ServerMessage) -> None:
        pass

    async def on_cancelled(self, message: ServerMessage) -> None:
        pass


_HOOKS = {
    "notifications/progress": "on_progress",
    "notifications/message": "on_logging_message",
    "notifications/tools/list_changed": "on_tool_list_changed",
    "notifications/resources/list_changed": "on_resource_list_changed",
    "notifications/prompts/list_changed": "on_prompt_list_changed",
    "notifications/resources/updated": "on_resource_updated",
    "notifications/cancelled": "on_cancelled",
}
