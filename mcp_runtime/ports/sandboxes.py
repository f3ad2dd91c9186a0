"""The sandbox port: run a revision's code somewhere that is not here.

SandboxError
├── WorkerDied        the worker ended while the call was running
├── CrashLooping      it ended too often; refused until `retry_after`
├── CallTimedOut      the call's deadline passed
├── CallTooLarge      a frame, result or argument over the limit
├── Overloaded        the worker's or tenant's queue is full
├── LoadFailed        the revision does not start
├── WorkerMisbehaved  the worker broke the frame protocol and was killed
└── RunnerUnavailable no runner, or no launcher passes its self-test
UpstreamError         the server itself answered with a JSON-RPC error
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from mcp_runtime.ports.workers import Caller, Manifest, Worker


class SandboxError(Exception):
    """A call failed because of the sandbox, not because of the tool. `code` is stable; the text is for people."""

    code = "sandbox_error"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        """Seconds until another try can succeed; None when unknown."""


class WorkerDied(SandboxError):
    """`reason`: exit, signal, oom, seccomp, timeout, killed (by the platform) or unknown."""

    code = "worker_died"

    def __init__(self, message: str, *, reason: str = "unknown") -> None:
        super().__init__(message)
        self.reason = reason


class CrashLooping(SandboxError):
    code = "crash_looping"


class CallTimedOut(SandboxError):
    code = "timeout"


class CallTooLarge(SandboxError):
    code = "too_large"


class Overloaded(SandboxError):
    code = "overloaded"


class LoadFailed(SandboxError):
    """`detail` is the tenant's own traceback, its last lines, at most 8 kB; `line` is the faulty source line."""

    code = "load_failed"

    def __init__(self, message: str, *, detail: str = "", line: int | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.detail = detail
        self.line = line
        self.hint = hint


class WorkerMisbehaved(SandboxError):
    code = "worker_misbehaved"


class RunnerUnavailable(SandboxError):
    code = "sandbox_unavailable"


class UpstreamError(Exception):
    """The server answered with a JSON-RPC error: pass it on."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


EventSink = Callable[[str, msgspec.Raw], None]
"""Receives the notifications of one call, `notifications/progress`, `notifications/message` and those of
`NOTIFICATIONS`, with their parameters as raw JSON. Progress comes without a token, which the gateway adds."""

Asker = Callable[[str, msgspec.Raw], Awaitable[msgspec.Raw]]
"""Puts a worker's question (`elicitation/create`, …) to the client: method and parameters, the result as raw JSON.
Raises UpstreamError with the error that the worker shall see."""

NOTIFICATIONS = frozenset(
    {
        "notifications/tools/list_changed",
        "notifications/resources/list_changed",
        "notifications/prompts/list_changed",
        "notifications/resources/updated",
        "stoa/close_stream",
    }
)
"""What else a worker may announce while a call runs. `stoa/close_stream` asks the gateway to end the connection of the
call's stream, not the call: the client comes back for the rest (PROTOCOL G-07)."""


class Sandboxes(Protocol):
    """Runs calls in workers; starts, reuses and stops them as needed."""

    async def call(
        self,
        worker: Worker,
        method: str,
        params: msgspec.Raw,
        *,
        caller: Caller,
        on_event: EventSink | None = None,
        asker: Asker | None = None,
    ) -> msgspec.Raw:
        """Run `tools/call`, `resources/read` or `prompts/get` and return the result object as raw JSON.

        Cancelling the coroutine cancels the call in the worker. The deadline is `caller.seconds`, else
        `worker.limits.call_seconds`; it does not run while a question waits for its answer. Without an `asker`
        questions are refused.
        Raises SandboxError or UpstreamError.
        """

    async def describe(self, worker: Worker) -> Manifest:
        """Load the revision in a throw-away worker and list its components. Raises LoadFailed, SandboxError."""
