"""Errors logged, counted and given codes; failed requests tried again (FASTMCP M-26).

Place ErrorHandlingMiddleware outside of RetryMiddleware. A tool's failure stays a result with `isError`; what is
raised elsewhere becomes a JSON-RPC error with the code of its kind. Details are masked where the server masks them.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from mcp_runtime.framework.errors import FrameworkError, NotFoundError, PromptError, ResourceError, ToolError
from mcp_runtime.framework.failures import MappedError
from mcp_runtime.framework.middleware.base import CallNext, Middleware, MiddlewareContext
from mcp_runtime.protocol.errors import McpError

__all__ = ("ErrorHandlingMiddleware", "RetryMiddleware")

Callback = Callable[[Exception, MiddlewareContext[Any]], Any]
_MOST_KINDS = 1_000
_TOLD = (ToolError, ResourceError, PromptError)
"""What authors raise for clients to read: never changed."""


class RetryMiddleware(Middleware):
    """Tries a request again when it failed with one of `retry_exceptions`, tools' calls as well.

    Only for servers whose operations may be done twice. The n-th wait is `base_delay * backoff_multiplier**n`, at most
    `max_delay`, and shortened at random so that callers do not come back all at once.
    """

    def __init__(
        self,
        max_retries: int = 3,
        base_delay: float = 1.0,
        max_delay: float = 60.0,
        backoff_multiplier: float = 2.0,
        retry_exceptions: tuple[type[Exception], ...] = (ConnectionError, TimeoutError),
        logger: logging.Logger | None = None,
    ) -> None:
        if max_retries < 0 or base_delay < 0 or max_delay < 0 or backoff_multiplier < 1:
            raise ValueError("Retries and delays are numbers from zero, backoff_multiplier= one from 1.")
        self.max_retries = max_retries
        self.base_delay = base_delay
        self.max_delay = max_delay
        self.backoff_multiplier = backoff_multiplier
        self.retry_exceptions = tuple(retry_exceptions)
        self.logger = logger or logging.getLogger("fastmcp.retry")

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        for attempt in range(self.max_retries):
            try:
                return await call_next(context)
            except Exception as error:
                if not self._worth_retrying(error):
                    raise
                delay = self._delay(attempt)
                self.logger.warning(
                    "Request %s failed (attempt %d of %d): %s. Retrying in %.1f s.",
                    context.method,
                    attempt + 1,
                    self.max_retries + 1,
                    type(error).__name__,
                    delay,
                )
            await asyncio.sleep(delay)
        return await call_next(context)

    def _worth_retrying(self, error: BaseException) -> bool:
        if isinstance(error, self.retry_exceptions):
            return True
        cause = error.__cause__
        return isinstance(error, (FrameworkError, MappedError)) and isinstance(cause, self.retry_exceptions)

    def _delay(self, attempt: int) -> float:
        longest = min(self.base_delay * self.backoff_multiplier**attempt, self.max_delay)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - it spreads callers, and hides nothing


class ErrorHandlingMiddleware(RetryMiddleware):
    """Logs and counts what goes wrong, and gives it the code of its kind; with `max_retries` tries again first."""

    def __init__(
        self,
        logger: logging.Logger | None = None,
        include_traceback: bool = False,
        error_callback: Callback | None = None,
        transform_errors: bool = True,
        *,
        max_retries: int = 0,
        backoff_factor: float = 2.0,
        base_delay: float = 1.0,
        max_delay: float = 60.0,
        retry_exceptions: tuple[type[Exception], ...] = (ConnectionError, TimeoutError),
    ) -> None:
        super().__init__(
            max_retries=max_retries,
            base_delay=base_delay,
            max_delay=max_delay,
            backoff_multiplier=backoff_factor,
            retry_exceptions=retry_exceptions,
        )
        self.error_logger = logger or logging.getLogger("fastmcp.errors")
        self.include_traceback = include_traceback
        self.error_callback = error_callback
        self.transform_errors = transform_errors
        self.error_counts: Counter[str] = Counter()

    async def on_message(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        try:
            return await call_next(context)
        except Exception as error:
            await self._noted(error, context)
            if self.transform_errors and not isinstance(error, (McpError, *_TOLD)):
                raise _mapped(error) from error
            raise

    def get_error_stats(self) -> dict[str, int]:
        """How often each kind of error came from each method: `{"ValueError:tools/call": 2}`."""
        return dict(self.error_counts)

    async def _noted(self, error: Exception, context: MiddlewareContext[Any]) -> None:
        kind, method = type(error).__name__, context.method or "unknown"
        if len(self.error_counts) < _MOST_KINDS or f"{kind}:{method}" in self.error_counts:
            self.error_counts[f"{kind}:{method}"] += 1
        self.error_logger.error(
            "Error in %s: %s: %s", method, kind, error, exc_info=error if self.include_traceback else None
        )
        if self.error_callback is None:
            return
        try:
            called = self.error_callback(error, context)
            if inspect.isawaitable(called):
                await called
        except Exception:  # the error at hand matters more than its callback's own
            self.error_logger.exception("The error_callback failed")


def _mapped(error: Exception) -> MappedError:
    """The error with the code of its kind, and words that say nothing where details are masked."""
    for kinds, code, words in _KINDS:
        if isinstance(error, kinds):
            return MappedError(f"{words}: {error}", code=code, masked=words)
    return MappedError(f"Internal error: {error}", code=-32603, masked="Internal error")


_KINDS: tuple[tuple[tuple[type[Exception], ...], int, str], ...] = (
    ((FileNotFoundError, KeyError, NotFoundError), -32001, "Resource not found"),
    ((PermissionError,), -32000, "Permission denied"),
    ((TimeoutError, asyncio.TimeoutError), -32000, "Request timeout"),
    ((ValueError, TypeError), -32602, "Invalid params"),
)
