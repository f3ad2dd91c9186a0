"""Limits on how often a caller may ask (FASTMCP M-24).

Callers are kept apart by who they are (`principal_of`), unless `get_client_id` tells them apart by something else or
`global_limit` counts them together. The tables are bounded: the caller not seen for longest leaves. Getting
acquainted (`initialize`, `server/discover`, `ping`) is not counted. The limits are those of one process.
"""

from __future__ import annotations

import inspect
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

from mcp_runtime.framework.middleware.base import CallNext, Middleware, MiddlewareContext
from mcp_runtime.framework.middleware.principals import HANDSHAKES, principal_of
from mcp_runtime.protocol.errors import McpError

__all__ = (
    "RateLimitError",
    "RateLimitingMiddleware",
    "SlidingWindowRateLimiter",
    "SlidingWindowRateLimitingMiddleware",
    "TokenBucketRateLimiter",
)

ClientId = Callable[[MiddlewareContext[Any]], "str | Awaitable[str]"]
Clock = Callable[[], float]

MOST_CALLERS = 10_000


class RateLimitError(McpError):
    """The caller asked too often; `data.retryAfter` is how many seconds to wait."""

    code = -32000
    status = 429

    def __init__(self, message: str = "Rate limit exceeded", *, retry_after: float | None = None) -> None:
        if retry_after is None:
            super().__init__(message)
        else:
            super().__init__(
                f"{message}: try again in {retry_after:.2g} s.", data={"retryAfter": round(retry_after, 3)}
            )
        self.retry_after = retry_after


class _Limiter(Protocol):
    def take(self) -> float:
        """Count one request: 0.0 if it may pass, else how many seconds to wait."""


class TokenBucketRateLimiter:
    """A bucket of `capacity` tokens, refilled by `refill_rate` a second."""

    def __init__(self, capacity: float, refill_rate: float, *, now: Clock = time.monotonic) -> None:
        self.capacity = capacity
        self.refill_rate = refill_rate
        self.tokens = float(capacity)
        self._now = now
        self._refilled = now()

    def take(self, tokens: float = 1) -> float:
        now = self._now()
        self.tokens = min(float(self.capacity), self.tokens + (now - self._refilled) * self.refill_rate)
        self._refilled = now
        if self.tokens >= tokens:
            self.tokens -= tokens
            return 0.0
        return (tokens - self.tokens) / self.refill_rate

    async def consume(self, tokens: float = 1) -> bool:
        """Whether the tokens were there, and are taken."""
        return self.take(tokens) == 0.0


class SlidingWindowRateLimiter:
    """At most `max_requests` in any `window_seconds`."""

    def __init__(self, max_requests: int, window_seconds: float, *, now: Clock = time.monotonic) -> None:
        self.max_requests = max_requests
        self.window_seconds = window_seconds
        self.requests: deque[float] = deque()
        self._now = now

    def take(self) -> float:
        now = self._now()
        while self.requests and self.requests[0] <= now - self.window_seconds:
            self.requests.popleft()
        if len(self.requests) < self.max_requests:
            self.requests.append(now)
            return 0.0
        return self.requests[0] + self.window_seconds - now

    async def is_allowed(self) -> bool:
        """Whether one more may pass, which is counted."""
        return self.take() == 0.0


class _Limiting(Middleware):
    def __init__(
        self, make: Callable[[], _Limiter], get_client_id: ClientId | None, *, together: bool, most_callers: int
    ) -> None:
        self.get_client_id = get_client_id
        self._make = make
        self._together = make() if together else None
        self._most = most_callers
        self._limiters: OrderedDict[str, _Limiter] = OrderedDict()

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        if context.method not in HANDSHAKES:
            wait = (await self._limiter(context)).take()
            if wait > 0:
                raise RateLimitError(retry_after=wait)
        return await call_next(context)

    async def _limiter(self, context: MiddlewareContext[Any]) -> _Limiter:
        if self._together is not None:
            return self._together
        if self.get_client_id is None:
            caller = principal_of(context)
        else:
            given = self.get_client_id(context)
            caller = await given if inspect.isawaitable(given) else given
        limiter = self._limiters.get(caller)
        if limiter is None:
            limiter = self._limiters[caller] = self._make()
            if len(self._limiters) > self._most:
                self._limiters.popitem(last=False)
        self._limiters.move_to_end(caller)
        return limiter


class RateLimitingMiddleware(_Limiting):
    """So many requests a second, and at once no more than `burst_capacity`, twice as many unless said.

    `algorithm="sliding_window"` allows no bursts: in no second more than the limit.
    """

    def __init__(
        self,
        max_requests_per_second: float = 10.0,
        burst_capacity: int | None = None,
        get_client_id: ClientId | None = None,
        global_limit: bool = False,
        *,
        algorithm: Literal["token_bucket", "sliding_window"] = "token_bucket",
        most_callers: int = MOST_CALLERS,
        now: Clock = time.monotonic,
    ) -> None:
        if max_requests_per_second <= 0:
            raise ValueError("max_requests_per_second= is a number above zero.")
        if algorithm not in ("token_bucket", "sliding_window"):
            raise ValueError(f"algorithm={algorithm!r} is neither 'token_bucket' nor 'sliding_window'.")
        self.max_requests_per_second = max_requests_per_second
        self.burst_capacity = burst_capacity or max(1, int(max_requests_per_second * 2))
        self.algorithm = algorithm
        self.global_limit = global_limit

        def make() -> _Limiter:
            if algorithm == "token_bucket":
                return TokenBucketRateLimiter(self.burst_capacity, max_requests_per_second, now=now)
            # Below one a second, one in as many seconds as it takes.
            most = max(1, int(max_requests_per_second))
            return SlidingWindowRateLimiter(most, most / max_requests_per_second, now=now)

        super().__init__(make, get_client_id, together=global_limit, most_callers=most_callers)


class SlidingWindowRateLimitingMiddleware(_Limiting):
    """At most `max_requests` in any `window_minutes`."""

    def __init__(
        self,
        max_requests: int,
        window_minutes: float = 1,
        get_client_id: ClientId | None = None,
        *,
        most_callers: int = MOST_CALLERS,
        now: Clock = time.monotonic,
    ) -> None:
        if max_requests <= 0 or window_minutes <= 0:
            raise ValueError("max_requests= and window_minutes= are numbers above zero.")
        self.max_requests = max_requests
        self.window_seconds = window_minutes * 60

        def make() -> _Limiter:
            return SlidingWindowRateLimiter(max_requests, self.window_seconds, now=now)

        super().__init__(make, get_client_id, together=False, most_callers=most_callers)
