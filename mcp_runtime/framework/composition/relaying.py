"""What a proxied server sends while it answers, on its way to whoever asked the proxy (FASTMCP K-09).

Log messages, progress, and its questions (sampling, elicitation, roots), for clients of both eras. Something that
comes on a connection shared by several calls, and does not say to which it belongs, is relayed when only one of them
is under way, and refused otherwise: never to the wrong one.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mcp_runtime.framework.context import Context
from mcp_runtime.framework.exchange import CannotAsk, ask
from mcp_runtime.framework.types import CreateMessageResult, ElicitResult, Root

__all__ = ("Relay",)


class Relay:
    """The handlers of one connection to a proxied server."""

    def __init__(self) -> None:
        self._underway: dict[int, Context] = {}

    @property
    def options(self) -> dict[str, Any]:
        """For the constructor of a client."""
        return {
            "sampling_handler": self.sample,
            "elicitation_handler": self.elicit,
            "roots": self.roots,
            "log_handler": self.log,
        }

    @contextmanager
    def serving(self, context: Context) -> Iterator[None]:
        """A request is under way on the connection, on behalf of the one in `context`."""
        self._underway[id(context)] = context
        token = _asking.set(context)
        try:
            yield
        finally:
            _asking.reset(token)
            self._underway.pop(id(context), None)

    async def sample(self, messages: Any, params: Any, _: Any) -> CreateMessageResult:
        return CreateMessageResult.from_wire(await self._ask("sampling/createMessage", params))

    async def elicit(self, message: str, response_type: Any, params: Any, _: Any) -> ElicitResult:
        return ElicitResult.from_wire(await self._ask("elicitation/create", params))

    async def roots(self, *_: Any) -> list[Root]:
        answer = await self._ask("roots/list", {})
        return [Root.from_wire(root) for root in answer.get("roots") or []]

    async def log(self, message: Any) -> None:
        context = self._context()
        if context is not None:
            await context.log_data(message.data, message.level, message.logger)

    async def _ask(self, method: str, params: Any) -> dict[str, Any]:
        context = self._context()
        if context is None:
            raise CannotAsk(f"The proxied server asks {method} while several calls are under way, or none.")
        return await ask(context.exchange, method, params if isinstance(params, dict) else params.to_wire())

    def _context(self) -> Context | None:
        asking = _asking.get()
        if asking is not None and id(asking) in self._underway:
            return asking
        return next(iter(self._underway.values())) if len(self._underway) == 1 else None


_asking: contextvars.ContextVar[Context | None] = contextvars.ContextVar("relayed_for", default=None)
