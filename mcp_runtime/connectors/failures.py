"""Failures behind the gateway, told to clients: what happened and what to do, without how the inside looks.

The texts are ours. What the runner says about a failure goes to the log; what a server's code said when it did not
start stays with its developer. The table is the one in docs/reference/errors.md, and a test holds them together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mcp_runtime.ports.sandboxes import SandboxError, UpstreamError, WorkerDied
from mcp_runtime.protocol.errors import Internal, InvalidParams, McpError, MissingClientCapability
from mcp_runtime.transports.refusals import problem

MAX_MESSAGE = 4096
"""Characters of a server's own error message."""


@dataclass(frozen=True, slots=True)
class Failure:
    message: str
    hint: str


SANDBOX_FAILURES: dict[str, Failure] = {
    "worker_died": Failure(
        "The server stopped while it was working on this call.",
        "Call again: a new one is started. If it stops each time, its log says why.",
    ),
    "crash_looping": Failure(
        "The server stopped too often and is paused.",
        "Wait for retry_after seconds; the server's log says why it stops.",
    ),
    "timeout": Failure(
        "The call took longer than this server may take.",
        "Ask for less at once, or raise the server's time limit.",
    ),
    "too_large": Failure(
        "An argument or the result is larger than a call may carry.",
        "Send or ask for less at once, for example in pages.",
    ),
    "overloaded": Failure(
        "The server has more calls waiting than it may have.",
        "Call again in a moment, with fewer calls at the same time.",
    ),
    "load_failed": Failure(
        "The server's code does not start.",
        "Deploy it again: the deploy log shows where it fails.",
    ),
    "worker_misbehaved": Failure(
        "The server answered with something that is not a valid answer, and was stopped.",
        "Call again. If it happens each time, the server's code interferes with how it is run.",
    ),
    "sandbox_unavailable": Failure(
        "No sandbox can be started at the moment.",
        "Call again in a moment; if it lasts, tell the operator of this platform.",
    ),
    "sandbox_error": Failure(
        "The sandbox failed to run this call.",
        "Call again; if it lasts, tell the operator of this platform the request_id.",
    ),
}
"""By `SandboxError.code`."""

DEATHS: dict[str, Failure] = {
    "oom": Failure(
        "The server ran out of memory while it was working on this call.",
        "Ask for less at once, or raise the server's memory limit.",
    ),
    "exit": Failure(
        "The server ended itself while it was working on this call.",
        "Its code calls exit; it must return or raise instead.",
    ),
    "seccomp": Failure(
        "The server tried something that the sandbox forbids, and was stopped.",
        "Its code must do without: no other programs, no raw network, no kernel interfaces.",
    ),
}
"""More exactly, by `WorkerDied.reason`."""


def explain(error: SandboxError, request_id: str) -> McpError:
    """The JSON-RPC error for a failure of the sandbox."""
    code = error.code if error.code in SANDBOX_FAILURES else "sandbox_error"
    failure = SANDBOX_FAILURES[code]
    more: dict[str, object] = {}
    if isinstance(error, WorkerDied):
        failure = DEATHS.get(error.reason, failure)
        more["reason"] = error.reason
    if error.retry_after is not None:
        more["retry_after"] = math.ceil(error.retry_after)
    return Internal(failure.message, data=problem(code, "sandbox", failure.hint, request_id, **more))


def misbehaved(request_id: str) -> McpError:
    """The JSON-RPC error for an answer that is none."""
    failure = SANDBOX_FAILURES["worker_misbehaved"]
    return Internal(failure.message, data=problem("worker_misbehaved", "sandbox", failure.hint, request_id))


def pass_on(error: UpstreamError) -> McpError:
    """The server's own JSON-RPC error. Codes that clients read as the gateway's word are not the server's to use."""
    message = error.message if len(error.message) <= MAX_MESSAGE else error.message[:MAX_MESSAGE] + "…"
    if error.code == _LEGACY_RESOURCE_NOT_FOUND or (error.code == InvalidParams.code and _names_a_uri(error.data)):
        return _ResourceNotFoundAtServer(message, data=error.data)
    if error.code == InvalidParams.code:
        return _InvalidParamsAtServer(message, data=error.data)
    if error.code == MissingClientCapability.code and isinstance(error.data, dict):
        required = error.data.get("requiredCapabilities")
        if isinstance(required, dict):
            return MissingClientCapability(required)
    if error.code == Internal.code or _is_reserved(error.code):
        return Internal(message, data=error.data)
    return McpError(message, code=error.code, data=error.data)


class _InvalidParamsAtServer(InvalidParams):
    status = 200
    """The request itself was in order."""


class _ResourceNotFoundAtServer(_InvalidParamsAtServer):
    @property
    def legacy_code(self) -> int:
        return _LEGACY_RESOURCE_NOT_FOUND


def _names_a_uri(data: object) -> bool:
    return isinstance(data, dict) and data.keys() == {"uri"}


def _is_reserved(code: int) -> bool:
    return -32768 <= code <= -32000


_LEGACY_RESOURCE_NOT_FOUND = -32002
