"""`ctx.session`: the connection to the client, under the names that servers know from the SDK (FASTMCP C-15)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.exchange import ask, can_answer, notify
from mcp_runtime.framework.types import CreateMessageResult, ElicitResult, ListRootsResult, plain

if TYPE_CHECKING:
    from mcp_runtime.framework.context import Context, Level

__all__ = ("Session",)


class Session:
    """The client's side of one request. Prefer the methods of the Context, which check and convert."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __repr__(self) -> str:
        return f"<Session of {self._context!r}>"

    @property
    def client_capabilities(self) -> dict[str, Any]:
        """What the client declared that it can do."""
        return dict(self._context.exchange.caller.client_capabilities)

    def check_client_capability(self, name: str) -> bool:
        """Whether the client declared "sampling", "elicitation" or "roots"."""
        method = {"sampling": "sampling/createMessage", "elicitation": "elicitation/create", "roots": "roots/list"}
        return name in method and can_answer(self._context.exchange, method[name])

    async def send_log_message(
        self, level: Level, data: Any, logger: str | None = None, related_request_id: object = None
    ) -> None:
        """Send a log message whose data is any JSON value, if the client asked for its level."""
        await self._context.log_data(data, level, logger)

    async def send_progress_notification(
        self,
        progress_token: str | int,
        progress: float,
        total: float | None = None,
        message: str | None = None,
        related_request_id: object = None,
    ) -> None:
        """Send progress of the request at hand."""
        await self._context.report_progress(progress, total, message)

    async def send_notification(self, notification: Any, related_request_id: object = None) -> None:
        await self._context.send_notification(notification)

    async def send_tool_list_changed(self) -> None:
        await self._context.send_tool_list_changed()

    async def send_resource_list_changed(self) -> None:
        await self._context.send_resource_list_changed()

    async def send_prompt_list_changed(self) -> None:
        await self._context.send_prompt_list_changed()

    async def send_resource_updated(self, uri: object) -> None:
        notify(self._context.exchange, "notifications/resources/updated", {"uri": str(uri)})

    async def create_message(self, messages: list[Any], *, max_tokens: int, **options: Any) -> CreateMessageResult:
        """`sampling/createMessage` as it is; `ctx.sample` does more."""
        names = {
            "system_prompt": "systemPrompt",
            "temperature": "temperature",
            "model_preferences": "modelPreferences",
            "include_context": "includeContext",
            "stop_sequences": "stopSequences",
            "metadata": "metadata",
            "tools": "tools",
            "tool_choice": "toolChoice",
        }
        params: dict[str, Any] = {"messages": plain(messages), "maxTokens": max_tokens}
        for name, value in options.items():
            if name in names and value is not None:
                params[names[name]] = plain(value)
        needs = "tools" if "tools" in params else None
        answer = await ask(self._context.exchange, "sampling/createMessage", params, needs=needs)
        return CreateMessageResult.from_wire(answer)

    async def elicit(
        self,
        message: str,
        requestedSchema: dict[str, Any],  # noqa: N803 - the name that callers of the SDK write
        related_request_id: object = None,
    ) -> ElicitResult:
        """`elicitation/create` with a schema of one's own; `ctx.elicit` makes and reads it."""
        params = {"mode": "form", "message": message, "requestedSchema": requestedSchema}
        return ElicitResult.from_wire(await ask(self._context.exchange, "elicitation/create", params, needs="form"))

    async def list_roots(self) -> ListRootsResult:
        return ListRootsResult(roots=await self._context.list_roots())
