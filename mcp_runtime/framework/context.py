"""The Context: what a tool, resource or prompt may know and do while it answers one request (FASTMCP 1.6)."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mcp_runtime.framework.asking.elicitation import ElicitationResult
    from mcp_runtime.framework.asking.sampling import SamplingMessages, SamplingResult
    from mcp_runtime.framework.exchange import Exchange
    from mcp_runtime.framework.resource_contents import ResourceResult
    from mcp_runtime.framework.server import FastMCP
    from mcp_runtime.framework.types import GetPromptResult, Prompt, Resource, ResourceTemplate, Root, Tool

__all__ = ("Context", "RequestContext", "current_context", "entered")

Level = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]

_RANKS = {
    level: rank
    for rank, level in enumerate(("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"))
}


class Context:
    """One request's view of the server and the client. Declare a parameter `ctx: Context` to receive it."""

    def __init__(
        self,
        server: FastMCP,
        exchange: Exchange,
        *,
        meta: Mapping[str, Any] | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._server = server
        self._exchange = exchange
        self._meta = dict(meta or {})
        self._state: dict[str, Any] = dict(state or {})

    def __repr__(self) -> str:
        return f"<Context of request {self._exchange.request_id!r} on {self._server.name!r}>"

    # Log messages and progress.

    async def log(
        self,
        message: str,
        level: Level = "info",
        logger_name: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Send a log message to the client, if it asked for this level (FASTMCP C-02)."""
        rank = _RANKS.get(level)
        if rank is None:
            raise ValueError(f"There is no log level {level!r}; the levels are {', '.join(_RANKS)}.")
        wanted = self._exchange.caller.log_level
        if wanted is not None and rank >= _RANKS.get(wanted, 0):
            self._exchange.log(level, logger_name, {"msg": message, "extra": dict(extra) if extra else None})

    async def debug(self, message: str, logger_name: str | None = None, extra: Mapping[str, Any] | None = None) -> None:
        await self.log(message, "debug", logger_name, extra)

    async def info(self, message: str, logger_name: str | None = None, extra: Mapping[str, Any] | None = None) -> None:
        await self.log(message, "info", logger_name, extra)

    async def warning(
        self, message: str, logger_name: str | None = None, extra: Mapping[str, Any] | None = None
    ) -> None:
        await self.log(message, "warning", logger_name, extra)

    async def error(self, message: str, logger_name: str | None = None, extra: Mapping[str, Any] | None = None) -> None:
        await self.log(message, "error", logger_name, extra)

    async def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Tell the client how far this is; nothing happens if it did not ask to be told (FASTMCP C-03)."""
        if self._exchange.caller.progress:
            self._exchange.progress(progress, total, message)

    # The server's own components.

    async def list_tools(self) -> list[Tool]:
        from mcp_runtime.framework.types import Tool

        return [Tool.from_wire(definition) for definition in self._server.definitions("tools")]

    async def list_resources(self) -> list[Resource]:
        from mcp_runtime.framework.types import Resource

        return [Resource.from_wire(definition) for definition in self._server.definitions("resources")]

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        from mcp_runtime.framework.types import ResourceTemplate

        return [ResourceTemplate.from_wire(definition) for definition in self._server.definitions("resourceTemplates")]

    async def list_prompts(self) -> list[Prompt]:
        from mcp_runtime.framework.types import Prompt

        return [Prompt.from_wire(definition) for definition in self._server.definitions("prompts")]

    async def read_resource(self, uri: object) -> ResourceResult:
        """Read one of the server's resources: a list of contents with `.content` and `.mime_type` (FASTMCP C-05)."""
        with entered(self._nested()) as nested:
            return await self._server.read(str(uri), nested)

    async def get_prompt(self, name: str, arguments: Mapping[str, Any] | None = None) -> GetPromptResult:
        """Render one of the server's prompts; values other than strings are written as JSON (FASTMCP C-07)."""
        from mcp_runtime.framework.functions.results import as_json
        from mcp_runtime.framework.types import GetPromptResult

        texts = {key: value if isinstance(value, str) else as_json(value) for key, value in (arguments or {}).items()}
        with entered(self._nested()) as nested:
            return GetPromptResult.from_wire(await self._server.render(name, texts, nested))

    # Questions to the client.

    async def sample(
        self,
        messages: SamplingMessages,
        system_prompt: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        model_preferences: Any = None,
    ) -> SamplingResult:
        """Ask the client's model (FASTMCP C-08)."""
        from mcp_runtime.framework.asking.sampling import sample

        return await sample(
            self._exchange,
            messages,
            system_prompt=system_prompt,
            temperature=temperature,
            max_tokens=max_tokens,
            model_preferences=model_preferences,
        )

    async def elicit(self, message: str, response_type: Any = str) -> ElicitationResult:
        """Ask the person at the client; accepted, declined or cancelled (FASTMCP C-09)."""
        from mcp_runtime.framework.asking.elicitation import elicit

        return await elicit(self._exchange, message, response_type)

    async def list_roots(self) -> list[Root]:
        """The client's roots."""
        from mcp_runtime.framework.exchange import ask
        from mcp_runtime.framework.types import ListRootsResult

        return ListRootsResult.from_wire(await ask(self._exchange, "roots/list", {})).roots

    # State: for this request, and copied into the contexts it opens.

    def set_state(self, key: str, value: Any) -> Done:
        """Keep a value for the rest of the request. May be awaited, as in later versions (FASTMCP C-10)."""
        self._state[key] = value
        return Done()

    def get_state(self, key: str, default: Any = None) -> Any:
        return self._state.get(key, default)

    def delete_state(self, key: str) -> Done:
        self._state.pop(key, None)
        return Done()

    # Who and where.

    @property
    def fastmcp(self) -> FastMCP:
        """The server that answers."""
        return self._server

    @property
    def request_id(self) -> str:
        return self._exchange.request_id

    @property
    def client_id(self) -> str | None:
        """What the client says about itself in `_meta.client_id`: for display, never for decisions (C-12)."""
        claimed = self._meta.get("client_id")
        return claimed if isinstance(claimed, str) else None

    @property
    def session_id(self) -> str:
        """The transport's session; where there is none, one made up for this request (FASTMCP C-13)."""
        session: str | None = getattr(self._exchange, "session_id", None)
        if session is None:
            session = self._state.setdefault("_session_id", os.urandom(16).hex())
        return session

    @property
    def request_context(self) -> RequestContext:
        return RequestContext(self)

    @property
    def lifespan_context(self) -> Any:
        """What the server's lifespan yielded; an empty dictionary without one."""
        return self._server.lifespan_value

    @property
    def exchange(self) -> Exchange:
        """The request as its transport carries it; for the framework's own parts."""
        return self._exchange

    def _nested(self) -> Context:
        return Context(self._server, self._exchange, meta=self._meta, state=self._state)


class RequestContext:
    """The request behind a Context (FASTMCP C-14)."""

    def __init__(self, context: Context) -> None:
        self.request_id = context.request_id
        self.meta = dict(context._meta)
        self.lifespan_context = context.lifespan_context


class Done:
    """Nothing left to wait for: lets `await ctx.set_state(…)` work where setting is immediate."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


class entered:  # noqa: N801  # used as a function, in a with statement
    """Make `context` the current one inside the block."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> Context:
        self._token = _current.set(self._context)
        return self._context

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def current_context() -> Context | None:
    """The Context of the request being answered here; None outside of one."""
    return _current.get()


_current: contextvars.ContextVar[Context | None] = contextvars.ContextVar("framework_context", default=None)
