"""The control protocol between a gateway (or a build task) and the host's runner.

One Unix socket per client, frames as in `guest.frames` with a tagged JSON object as body. A `Leased` message carries
one descriptor: the gateway's end of a socket to the worker. Both ends are the platform's own and trust each other's
messages; the socket is 0600 and both check the other's uid.

    gateway -> runner   Acquire  Release  Used  Kill  Describe  Build  Abandon  Retire  AskStatus
    runner -> gateway   Leased  SecretsNeeded  Refused  Described  BuildLine  Built  Done  Status  Draining  Gone
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Any

import msgspec

from mcp_runtime.ports.builds import BuildFailed, BuildRequest, BuildResult
from mcp_runtime.ports.sandboxes import (
    CallTimedOut,
    CallTooLarge,
    CrashLooping,
    LoadFailed,
    Overloaded,
    RunnerUnavailable,
    SandboxError,
    WorkerDied,
    WorkerMisbehaved,
)
from mcp_runtime.ports.workers import Worker
from mcp_runtime.sandbox.guest.frames import MAX_FRAME
from mcp_runtime.sandbox.guest.link import FrameError


class Message(msgspec.Struct, tag=True, frozen=True):
    """Base of all control messages. `request` pairs an answer with what asked for it."""


class Acquire(Message, frozen=True):
    """Lease a worker of this revision. `environment` is None until the runner says that it must start one."""

    request: int
    worker: Worker
    environment: dict[str, str] | None = None


class Release(Message, frozen=True):
    """The gateway has closed its end. The last call ended `idle_seconds` ago."""

    lease: int
    calls: int
    idle_seconds: float


class Used(Message, frozen=True):
    """So many more calls went over a lease that is kept."""

    lease: int
    calls: int


class Kill(Message, frozen=True):
    """The worker misbehaved (`crash`: count it as one) or would not give up a call."""

    lease: int
    error: Problem
    crash: bool


class Describe(Message, frozen=True):
    request: int
    worker: Worker
    environment: dict[str, str]


class Build(Message, frozen=True):
    request: int
    build: BuildRequest


class Abandon(Message, frozen=True):
    """Nobody waits for the answer any more."""

    request: int


class Retire(Message, frozen=True):
    """Replace all workers of a server: its secrets or its revision changed."""

    request: int
    server_id: str
    keep: str | None = None
    """A revision whose workers stay."""


class AskStatus(Message, frozen=True):
    request: int


class Problem(msgspec.Struct, frozen=True):
    """A SandboxError or BuildFailed on its way through the socket."""

    code: str
    message: str
    retry_after: float | None = None
    facts: dict[str, Any] = {}
    """The leaf's own attributes: `reason`, or `detail`, `line` and `hint`."""


class Leased(Message, frozen=True):
    request: int
    lease: int


class SecretsNeeded(Message, frozen=True):
    """A worker must be started: ask again with its environment."""

    request: int


class Refused(Message, frozen=True):
    request: int
    problem: Problem


class Described(Message, frozen=True):
    """`manifest` is as the worker wrote it: not looked at by the runner."""

    request: int
    manifest: msgspec.Raw


class BuildLine(Message, frozen=True):
    request: int
    line: str


class Built(Message, frozen=True):
    request: int
    result: BuildResult


class Done(Message, frozen=True):
    request: int


class Status(Message, frozen=True):
    request: int
    report: dict[str, Any]


class Draining(Message, frozen=True):
    """Start no more calls on this lease; release it when the running ones are over."""

    lease: int


class Gone(Message, frozen=True):
    """The worker of this lease has ended, and so has the lease."""

    lease: int
    problem: Problem


ToRunner = Acquire | Release | Used | Kill | Describe | Build | Abandon | Retire | AskStatus
ToGateway = Leased | SecretsNeeded | Refused | Described | BuildLine | Built | Done | Status | Draining | Gone

_LENGTH = struct.Struct(">I")
_CREDENTIALS = struct.Struct("3i")
_encoder = msgspec.json.Encoder()
_to_runner = msgspec.json.Decoder(ToRunner)
_to_gateway = msgspec.json.Decoder(ToGateway)

_ERRORS: dict[str, type[SandboxError]] = {
    error.code: error
    for error in (
        SandboxError, WorkerDied, CrashLooping, CallTimedOut, CallTooLarge, Overloaded, LoadFailed, WorkerMisbehaved,
        RunnerUnavailable,
    )
}  # fmt: skip


def encode(message: ToRunner | ToGateway) -> bytes:
    """A whole frame. Raises ValueError when it is too large."""
    body = _encoder.encode(message)
    if len(body) > MAX_FRAME:
        raise ValueError(f"A control message of {len(body)} bytes is over the limit of {MAX_FRAME}.")
    return _LENGTH.pack(len(body)) + body


def decode_for_runner(body: memoryview) -> ToRunner:
    message: ToRunner = _decoded(_to_runner, body)
    return message


def decode_for_gateway(body: memoryview) -> ToGateway:
    message: ToGateway = _decoded(_to_gateway, body)
    return message


def problem(error: SandboxError | BuildFailed) -> Problem:
    """An error as it crosses the socket."""
    facts = {name: value for name, value in vars(error).items() if name not in ("message", "code", "retry_after")}
    return Problem(error.code, error.message, getattr(error, "retry_after", None), facts)


def sandbox_error(problem: Problem) -> SandboxError:
    """The error that `problem` came from."""
    error = _ERRORS.get(problem.code, SandboxError)(problem.message, **problem.facts)
    error.retry_after = problem.retry_after
    return error


def build_error(problem: Problem) -> BuildFailed | SandboxError:
    if problem.code in _ERRORS:
        return sandbox_error(problem)
    return BuildFailed(problem.message, code=problem.code, **problem.facts)


def check_peer(sock: socket.socket) -> None:
    """Refuse a peer that is neither our own uid nor root. Raises PermissionError."""
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(credentials)
    if uid not in (os.getuid(), 0):
        raise PermissionError(f"Process {pid} of user {uid} may not use the runner of user {os.getuid()}.")


def _decoded(decoder: msgspec.json.Decoder[Any], body: memoryview) -> Any:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise FrameError(f"no control message: {error}") from None
