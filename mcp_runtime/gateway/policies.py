"""An endpoint's policies for one tool, ready to be asked (docs/guides/policies.md).

A tool without policies has no guard, and its calls pay nothing. For the others the order is: who may call at all, the
scopes that it takes, how often, and then the call itself within its bounds. The request's record stands around all of
it, so a refusal is on record like an answer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import msgspec

from mcp_runtime.connectors.deadline import Deadline
from mcp_runtime.connectors.upstream import Upstream
from mcp_runtime.ports.plans import Callers, Policy, Rate
from mcp_runtime.ports.sandboxes import Asker, EventSink
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import Internal, InvalidRequest, McpError
from mcp_runtime.transports.refusals import problem
from tenants.principal import Principal

MAX_WINDOWS = 100_000
"""Callers whose rates are remembered in one process; those who called longest ago make room."""


class PolicyRefused(McpError):
    """A policy keeps this caller from this tool."""

    code = InvalidRequest.code


class RateLimited(McpError):
    """A policy's rate is used up for the moment."""

    code = InvalidRequest.code
    status = 429

    def __init__(self, message: str, *, retry_after: int, data: object) -> None:
        super().__init__(message, data=data)
        self.retry_after = retry_after


class Windows:
    """How much of their rates callers have used, in this process.

    A rate of n in s seconds lets n calls through at once and gives one back every s/n seconds (the generic cell rate
    algorithm, ITU-T I.371): one number for each caller, and no moment at which everything begins anew.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._free_at: dict[object, float] = {}
        """When all that was used will have been given back; the one used longest ago is in front."""

    def wait(self, key: object, rate: Rate) -> float:
        """Seconds until another call fits; 0 when it does now."""
        now = self._now()
        free_at = max(now, self._free_at.get(key, now))
        return max(0.0, free_at + rate.seconds / rate.calls - rate.seconds - now)

    def take(self, key: object, rate: Rate) -> None:
        now = self._now()
        free_at = max(now, self._free_at.pop(key, now))
        if len(self._free_at) >= MAX_WINDOWS:
            del self._free_at[next(iter(self._free_at))]
        self._free_at[key] = free_at + rate.seconds / rate.calls


class Guard:
    """All policies of one tool."""

    def __init__(self, tool: str, policies: Sequence[Policy], *, endpoint_id: str, windows: Windows) -> None:
        self._tool = tool
        self._policies = tuple(policies)
        self._endpoint_id = endpoint_id
        self._windows = windows

    def admit(self, principal: Principal, request_id: str, *, counted: bool = True) -> None:
        """Count a call, unless it is the run of a task, which counted when it was made.

        Raises PolicyRefused, RateLimited; then nothing was counted.
        """
        for policy in self._policies:
            self._judge(policy, principal, request_id)
        if not counted:
            return
        taken: list[tuple[object, Rate]] = []
        for policy in self._policies:
            if policy.rate is not None:
                key = self._counted(policy.name, policy.rate, principal)
                seconds = self._windows.wait(key, policy.rate)
                if seconds > 0:
                    raise self._too_often(policy.name, policy.rate, math.ceil(seconds), request_id)
                taken.append((key, policy.rate))
        for key, rate in taken:
            self._windows.take(key, rate)

    def bounded(self, upstream: Upstream) -> Upstream:
        """The tool's member, within the tightest time and size of these policies."""
        timed = min((one for one in self._policies if one.seconds), key=lambda one: one.seconds or 0, default=None)
        sized = min((one for one in self._policies if one.max_bytes), key=lambda one: one.max_bytes or 0, default=None)
        return upstream if timed is None and sized is None else _Bounded(upstream, timed, sized)

    def _judge(self, policy: Policy, principal: Principal, request_id: str) -> None:
        why = None
        if policy.deny is not None and _among(policy.deny, principal):
            why = "denies it to this caller"
        elif policy.allow is not None and not _among(policy.allow, principal):
            why = "allows it to other callers only"
        elif missing := sorted(set(policy.scopes) - principal.scopes):
            why = f"asks for the scope {', '.join(missing)}, which this credential lacks"
        if why is not None:
            hint = "Call with another credential, or ask whoever runs the endpoint to change the policy."
            raise PolicyRefused(
                f"The tool {self._tool!r} is not for this caller: the policy '{policy.name}' {why}.",
                data=problem("policy_denied", "you", hint, request_id, policy=policy.name),
            )

    def _counted(self, name: str, rate: Rate, principal: Principal) -> object:
        """Whose calls count together. A rate that was changed begins anew."""
        parts = {"principal": principal.identity[:3], "key": principal.client_id, "tool": self._tool}
        return (self._endpoint_id, name, rate.calls, rate.seconds, *(parts[part] for part in rate.per))

    def _too_often(self, name: str, rate: Rate, seconds: int, request_id: str) -> RateLimited:
        each = f" for each {' and '.join(rate.per)}" if rate.per else ""
        data = problem(
            "rate_limited", "you", f"Try again in {seconds} s.", request_id,
            policy=name, limit=rate.calls, seconds=rate.seconds, retry_after=seconds,
        )  # fmt: skip
        return RateLimited(
            f"The policy '{name}' lets {rate.calls} calls through in {rate.seconds} s{each}.",
            retry_after=seconds,
            data=data,
        )


class _Bounded:
    """A member that has so much time for an answer, and so much room."""

    __slots__ = ("_sized", "_timed", "_upstream")

    def __init__(self, upstream: Upstream, timed: Policy | None, sized: Policy | None) -> None:
        self._upstream = upstream
        self._timed = timed
        self._sized = sized

    @property
    def kind(self) -> str:
        return self._upstream.kind

    async def call(
        self,
        method: str,
        params: msgspec.Raw,
        *,
        caller: Caller,
        on_event: EventSink | None = None,
        asker: Asker | None = None,
    ) -> msgspec.Raw:
        if self._timed is None or self._timed.seconds is None or caller.task is not None:  # tasks take their time
            raw = await self._upstream.call(method, params, caller=caller, on_event=on_event, asker=asker)
        else:
            deadline = Deadline(self._timed.seconds)
            timed = None if asker is None else _timed_asker(asker, deadline)
            try:
                async with deadline:
                    raw = await self._upstream.call(method, params, caller=caller, on_event=on_event, asker=timed)
            except TimeoutError:
                if not deadline.expired():
                    raise
                raise _too_long(self._timed.name, self._timed.seconds, caller.request_id) from None
        if self._sized is not None and self._sized.max_bytes is not None and len(raw) > self._sized.max_bytes:
            raise _too_large(self._sized.name, self._sized.max_bytes, len(raw), caller.request_id)
        return raw


def _timed_asker(asker: Asker, deadline: Deadline) -> Asker:
    async def ask(method: str, params: msgspec.Raw) -> msgspec.Raw:
        with deadline.paused():
            return await asker(method, params)

    return ask


def _among(callers: Callers, principal: Principal) -> bool:
    return (
        principal.subject in callers.subjects
        or principal.client_id in callers.subjects
        or not principal.roles.isdisjoint(callers.roles)
    )


def _too_long(name: str, seconds: float, request_id: str) -> McpError:
    hint = "Ask for less at once, or ask whoever runs the endpoint to raise the policy's time."
    return Internal(
        f"The call took longer than the {seconds:g} s of the policy '{name}'.",
        data=problem("policy_timeout", "upstream", hint, request_id, policy=name, limit=seconds),
    )


def _too_large(name: str, limit: int, size: int, request_id: str) -> McpError:
    hint = "Ask for less at once, for example in pages, or ask whoever runs the endpoint to raise the policy's size."
    return Internal(
        f"The result has {size} bytes; the policy '{name}' lets {limit} through.",
        data=problem("policy_too_large", "upstream", hint, request_id, policy=name, limit=limit),
    )
