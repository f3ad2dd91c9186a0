"""Rounds: a component that returns its questions instead of asking them (PROTOCOL 2.7).

A client of the modern era gets the questions as the result, answers them and calls again. One of an older era cannot:
for it the questions are asked while the call waits, and the component is called again here (MR-07).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from mcp_runtime.framework.exchange import Exchange, ask, declares
from mcp_runtime.protocol.errors import Internal, InvalidParams, MissingClientCapability

__all__ = ("answered", "checked_responses")

Round = Callable[[dict[str, Any] | None, str | None], Awaitable[object]]

_ROUNDS = 10
_FIRST_MODERN = "2026"
_NEEDS: dict[str, tuple[dict[str, object], dict[str, object] | None]] = {
    "elicitation/create": ({"elicitation": {"form": {}}}, {"elicitation": {"url": {}}}),
    "sampling/createMessage": ({"sampling": {}}, {"sampling": {"tools": {}}}),
    "roots/list": ({"roots": {}}, None),
}


def checked_responses(params: dict[str, Any]) -> dict[str, Any] | None:
    """The client's answers of an earlier round; None in the first. Raises InvalidParams (PROTOCOL MR-05)."""
    if "inputResponses" not in params:
        return None
    responses = params["inputResponses"]
    if not isinstance(responses, dict) or not all(isinstance(answer, dict) for answer in responses.values()):
        raise InvalidParams("params.inputResponses is an object with an object for each question.")
    return responses


async def answered(result: dict[str, Any], exchange: Exchange, again: Round) -> object:
    """What a component's questions come to: themselves, or the answer that follows them.

    Raises MissingClientCapability where the client cannot answer (MR-02), Internal where the questions never end.
    """
    _check(result, exchange)
    if (exchange.caller.protocol_version or _FIRST_MODERN) >= _FIRST_MODERN:
        return result
    for _ in range(_ROUNDS):
        responses = {
            key: await ask(exchange, request["method"], request.get("params") or {})
            for key, request in (result.get("inputRequests") or {}).items()
        }
        answer = await again(responses, result.get("requestState"))
        if not isinstance(answer, dict) or answer.get("resultType") != "input_required":
            return answer
        result = answer
        _check(result, exchange)
    raise Internal(f"The server asked {_ROUNDS} times without coming to an answer.")


def _check(result: dict[str, Any], exchange: Exchange) -> None:
    for request in (result.get("inputRequests") or {}).values():
        method = request.get("method")
        if method not in _NEEDS:
            raise Internal(f"A client cannot be asked {method!r}: only {', '.join(_NEEDS)}.")
        params = request.get("params") or {}
        plain, special = _NEEDS[method]
        part = None
        if method == "elicitation/create":
            part = "url" if params.get("mode") == "url" else "form"
        elif method == "sampling/createMessage" and params.get("tools"):
            part = "tools"
        if not declares(exchange, method, needs=part):
            raise MissingClientCapability(special if part in ("url", "tools") and special else plain)
