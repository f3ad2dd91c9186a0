"""The Context: what a tool, resource or prompt may know and do while it answers one request (FASTMCP 1.6)."""

from __future__ import annotations

import contextvars
import os
import sys
from collections.abc import Collection, Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from mcp_runtime.framework.waiting import is_awaited

if TYPE_CHECKING:
    from mcp_runtime.framework.asking.elicitation import ElicitationResult
    from mcp_runtime.framework.asking.models import SamplingMessages
    from mcp_runtime.framework.asking.sampling import SampleStep, SamplingResult
    from mcp_runtime.framework.components.versions import VersionSpec
    from mcp_runtime.framework.composition.sources import Kind
    from mcp_runtime.framework.exchange import Exchange
    from mcp_runtime.framework.resource_contents import ResourceResult
    from mcp_runtime.framework.server import FastMCP
    from mcp_runtime.framework.session import Session
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
        input_responses: Mapping[str, Any] | None = None,
        request_state: str | None = None,
        outermost: Context | None = None,
    ) -> None:
        self._server = server
        self._exchange = exchange
        self._meta = dict(meta or {})
        self._state: dict[str, Any] = dict(state or {})
        self.input_responses = None if input_responses is None else _read_responses(input_responses)
        """The client's answers to an InputRequiredResult of an earlier round; None in the first (PROTOCOL MR-03)."""
        self.request_state = request_state
        """What that result asked to be given back."""
        self.outermost = outermost or self
        """The context of the server that the client called, which this one's server is mounted in."""

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
        await self.log_data({"msg": message, "extra": dict(extra) if extra else None}, level, logger_name)

    async def log_data(self, data: Any, level: Level = "info", logger_name: str | None = None) -> None:
        """The same with any JSON value in place of a text."""
        rank = _RANKS.get(level)
        if rank is None:
            raise ValueError(f"There is no log level {level!r}; the levels are {', '.join(_RANKS)}.")
        wanted = self._exchange.caller.log_level
        if wanted is not None and rank >= _RANKS.get(wanted, 0):
            self._exchange.log(level, logger_name, data)

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

    # Tasks.

    @property
    def task_id(self) -> str | None:
        """The task that this call is run as; None where the client waits for it."""
        return self._exchange.caller.task

    async def checkpoint(self, state: Any) -> None:
        """Keep how far a task has come, as JSON: run again after a crash, it finds it in `last_checkpoint()`.

        Outside of a task nothing happens: there a call that was cut off is not run again.
        """
        from mcp_runtime.framework.state import checkpoints_of

        kept = checkpoints_of(self)
        if kept is not None:
            await kept.put(state)

    async def last_checkpoint(self, default: Any = None) -> Any:
        """What the task kept last, in this run or one before it; `default` where it kept nothing."""
        from mcp_runtime.framework.state import checkpoints_of

        kept = checkpoints_of(self)
        return default if kept is None else await kept.last(default)

    # The server's own components.

    async def list_tools(self) -> list[Tool]:
        from mcp_runtime.framework.types import Tool

        return [Tool.from_wire(definition) for definition in await self._offered("tools")]

    async def list_resources(self) -> list[Resource]:
        from mcp_runtime.framework.types import Resource

        return [Resource.from_wire(definition) for definition in await self._offered("resources")]

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        from mcp_runtime.framework.types import ResourceTemplate

        return [ResourceTemplate.from_wire(definition) for definition in await self._offered("resourceTemplates")]

    async def list_prompts(self) -> list[Prompt]:
        from mcp_runtime.framework.types import Prompt

        return [Prompt.from_wire(definition) for definition in await self._offered("prompts")]

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
        tools: Iterable[Any] | None = None,
        result_type: Any = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - handed on, with an error of its own
    ) -> SamplingResult:
        """Ask the client's model: for a text, or for a value of `result_type`; it may call `tools` on its way.

        Where the client has no model, the server's `sampling_handler` answers (FASTMCP C-08).
        """
        from mcp_runtime.framework.asking.sampling import sample

        return await sample(
            self,
            messages,
            tools=tools,
            result_type=result_type,
            seconds=timeout,
            system_prompt=system_prompt,
            temperature=temperature,
            max_tokens=max_tokens,
            model_preferences=model_preferences,
        )

    async def sample_step(self, messages: SamplingMessages, **options: Any) -> SampleStep:
        """One round of `sample`, for loops of one's own; takes `execute_tools=False` too (FASTMCP C-15)."""
        from mcp_runtime.framework.asking.sampling import sample_step

        return await sample_step(self, messages, **options)

    async def elicit(
        self,
        message: str,
        response_type: Any = str,
        *,
        response_title: str | None = None,
        response_description: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - handed on, with an error of its own
    ) -> ElicitationResult:
        """Ask the person at the client; accepted, declined or cancelled (FASTMCP C-09)."""
        from mcp_runtime.framework.asking.elicitation import elicit

        return await elicit(
            self._exchange,
            message,
            response_type,
            title=response_title,
            description=response_description,
            seconds=timeout,
        )

    async def elicit_url(self, message: str, url: str, elicitation_id: str | None = None) -> ElicitationResult:
        """Ask the person at the client to open a page, for what no form should hold (PROTOCOL EL-02)."""
        from mcp_runtime.framework.asking.elicitation import elicit_url

        return await elicit_url(self._exchange, message, url, elicitation_id=elicitation_id)

    async def list_roots(self) -> list[Root]:
        """The client's roots."""
        from mcp_runtime.framework.errors import ValidationError
        from mcp_runtime.framework.exchange import ask
        from mcp_runtime.framework.types import ListRootsResult

        answer = await ask(self._exchange, "roots/list", {})
        try:
            return ListRootsResult.from_wire(answer).roots
        except (TypeError, AttributeError) as error:
            raise ValidationError(f"The client's answer to roots/list is not a list of roots: {error}") from error

    # Notifications.

    async def send_notification(self, notification: Any, params: Mapping[str, Any] | None = None) -> None:
        """Send any notification: by its method, or as an object with `method` and `params`."""
        from mcp_runtime.framework.exchange import notify
        from mcp_runtime.framework.types import plain

        method = notification if isinstance(notification, str) else notification.method
        given = params if isinstance(notification, str) else getattr(notification, "params", None)
        notify(self._exchange, method, plain(given) or {})

    async def send_tool_list_changed(self) -> None:
        """Tell the client that the list of tools has changed (FASTMCP C-15)."""
        await self.send_notification("notifications/tools/list_changed")

    async def send_resource_list_changed(self) -> None:
        await self.send_notification("notifications/resources/list_changed")

    async def send_prompt_list_changed(self) -> None:
        await self.send_notification("notifications/prompts/list_changed")

    async def send_resource_updated(self, uri: object) -> None:
        """Tell the client that a resource it watches has changed."""
        await self.send_notification("notifications/resources/updated", {"uri": str(uri)})

    async def close_sse_stream(self) -> None:
        """End the connection of the call's stream, not the call: the client comes back for the rest (PROTOCOL G-07).

        Nothing happens where the client could not come back.
        """
        await self.send_notification("stoa/close_stream")

    # State: for this request, and copied into the contexts it opens; awaited, for the session (see `state`).

    def set_state(self, key: str, value: Any, *, serializable: bool = True) -> Stored:
        """Keep a value for the rest of the request; awaited, also for the session's next ones (FASTMCP C-10).

        A value that is not `serializable` stays in the request.
        """
        self._state[key] = value
        return Stored(self, key, kept=serializable)

    def get_state(self, key: str, default: Any = None) -> Any:
        """The value kept in this request; awaited, else the one the session keeps."""
        if is_awaited(sys._getframe(1)):
            return self._find_state(key, default)
        return self._state.get(key, default)

    def delete_state(self, key: str) -> Stored:
        """Forget a value of the request; awaited, of the session too."""
        self._state.pop(key, None)
        return Stored(self, key)

    async def _find_state(self, key: str, default: Any) -> Any:
        if key in self._state:
            return self._state[key]
        from mcp_runtime.framework.state import session_of

        session = session_of(self)
        return default if session is None else await session.get(key, default)

    # What the session sees (see `session_visibility`).

    async def enable_components(
        self,
        *,
        names: Collection[str] | None = None,
        keys: Collection[str] | None = None,
        version: VersionSpec | str | None = None,
        tags: Collection[str] | None = None,
        components: Collection[str] | None = None,
        match_all: bool = False,
    ) -> None:
        """Offer components to this session, from now on, whatever the server says to others; in the words of
        `mcp.enable()`."""
        from mcp_runtime.framework.session_visibility import add_rule

        await add_rule(
            self,
            True,
            names=names,
            keys=keys,
            version=version,
            tags=tags,
            components=components,
            match_all=match_all,
        )

    async def disable_components(
        self,
        *,
        names: Collection[str] | None = None,
        keys: Collection[str] | None = None,
        version: VersionSpec | str | None = None,
        tags: Collection[str] | None = None,
        components: Collection[str] | None = None,
        match_all: bool = False,
    ) -> None:
        """Hide components from this session."""
        from mcp_runtime.framework.session_visibility import add_rule

        await add_rule(
            self,
            False,
            names=names,
            keys=keys,
            version=version,
            tags=tags,
            components=components,
            match_all=match_all,
        )

    async def reset_visibility(self) -> None:
        """Forget what this session switched on and off."""
        from mcp_runtime.framework.session_visibility import forget_rules

        await forget_rules(self)

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
    def transport(self) -> str | None:
        """By what the request came: "stdio", "sse", "streamable-http"; None in memory."""
        return getattr(self._exchange, "transport", None)

    @property
    def session(self) -> Session:
        """The connection, under the names that servers know from the SDK."""
        from mcp_runtime.framework.session import Session

        return Session(self)

    @property
    def session_id(self) -> str:
        """The transport's session; where there is none, one made up for this request (FASTMCP C-13)."""
        from mcp_runtime.framework.exchange import session_of

        session = session_of(self._exchange)
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

    async def _offered(self, kind: Kind) -> list[dict[str, Any]]:
        """What the server offers in this request, by way of its middleware (FASTMCP C-04)."""
        with entered(self._nested()) as nested:
            components = await self._server.listed(kind, nested)
        return [component.definition(framework_meta=self._server.include_fastmcp_meta) for component in components]

    def on(self, server: FastMCP) -> Context:
        """The same request as another server answers it, one that is mounted in this one."""
        return Context(
            server,
            self._exchange,
            meta=self._meta,
            state=self._state,
            input_responses=self.input_responses,
            request_state=self.request_state,
            outermost=self.outermost,
        )

    def _nested(self) -> Context:
        nested = self.on(self._server)
        nested._meta.pop("fastmcp", None)  # a version asked for is of the component called, not of those it uses
        return nested


class RequestContext:
    """The request behind a Context (FASTMCP C-14)."""

    def __init__(self, context: Context) -> None:
        self.request_id = context.request_id
        self.meta = dict(context._meta)
        self.lifespan_context = context.lifespan_context
        self.session = context.session
        self.request = getattr(context.exchange, "http_request", None)


class Stored:
    """A value set or deleted in the request; awaiting it does the same in the session."""

    def __init__(self, context: Context, key: str, *, kept: bool = True) -> None:
        self._context = context
        self._key = key
        self._kept = kept

    def __await__(self) -> Generator[Any, None, None]:
        return self._store().__await__()

    async def _store(self) -> None:
        from mcp_runtime.framework.state import session_of

        session = session_of(self._context)
        if session is None or not self._kept:
            return
        if self._key in self._context._state:
            await session.set(self._key, self._context._state[self._key])
        else:
            await session.delete(self._key)


def _read_responses(responses: Mapping[str, Any]) -> dict[str, Any]:
    """Each answer as the value its question gets; what is none is left as it came (PROTOCOL MR-03)."""
    from mcp_runtime.framework.types import CreateMessageResult, ElicitResult, ListRootsResult

    found: dict[str, Any] = {}
    for key, answer in responses.items():
        kind: Any = None
        if isinstance(answer, dict):
            kind = next(
                (
                    model
                    for member, model in (
                        ("action", ElicitResult),
                        ("model", CreateMessageResult),
                        ("roots", ListRootsResult),
                    )
                    if member in answer
                ),
                None,
            )
        found[key] = answer if kind is None else kind.from_wire(answer)
    return found


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
