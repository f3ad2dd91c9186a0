"""How long requests take, in the log (FASTMCP M-20, M-21)."""

from __future__ import annotations

import logging
import time
from typing import Any

from mcp_runtime.framework.middleware.base import CallNext, Middleware, MiddlewareContext
from mcp_runtime.framework.middleware.principals import name_of

__all__ = ("DetailedTimingMiddleware", "TimingMiddleware")


class TimingMiddleware(Middleware):
    """One line for each request: `Request tools/call completed in 1.23ms`, on the logger `fastmcp.timing`."""

    def __init__(self, logger: logging.Logger | None = None, log_level: int = logging.INFO) -> None:
        self.logger = logger or logging.getLogger("fastmcp.timing")
        self.log_level = log_level

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        return await self._timed(f"Request {context.method or 'unknown'}", context, call_next)

    async def _timed(self, what: str, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        began = time.perf_counter()
        try:
            result = await call_next(context)
        except Exception as error:
            self._log(what, "failed after", began, f": {type(error).__name__}")
            raise
        self._log(what, "completed in", began)
        return result

    def _log(self, what: str, how: str, began: float, ending: str = "") -> None:
        taken = (time.perf_counter() - began) * 1000
        self.logger.log(self.log_level, "%s %s %.2fms%s", what, how, taken, ending)


class DetailedTimingMiddleware(TimingMiddleware):
    """One line for each operation with its name: `Tool 'add' completed in 1.23ms`."""

    def __init__(self, logger: logging.Logger | None = None, log_level: int = logging.INFO) -> None:
        super().__init__(logger or logging.getLogger("fastmcp.timing.detailed"), log_level)

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        noun = _NOUNS.get(context.method or "")
        if noun is None:
            return await call_next(context)
        name = name_of(context)
        return await self._timed(noun if name is None else f"{noun} {name[:_LONGEST]!r}", context, call_next)


_LONGEST = 256
_NOUNS = {
    "tools/call": "Tool",
    "resources/read": "Resource",
    "prompts/get": "Prompt",
    "tools/list": "List tools",
    "resources/list": "List resources",
    "resources/templates/list": "List resource templates",
    "prompts/list": "List prompts",
}
