"""What clients answer to questions, and what they can be asked at all (PROTOCOL MR-02, MR-03, MR-05)."""

from __future__ import annotations

from typing import Any

import msgspec

from mcp_runtime.gateway.plans import SchemaError, compile_schema
from mcp_runtime.ports.sandboxes import UpstreamError
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import Internal, InvalidParams, ParseError
from mcp_runtime.protocol.messages import Question

_ACTIONS = ("accept", "decline", "cancel")


def read_responses(params: dict[str, object]) -> dict[str, msgspec.Raw]:
    """The answers in a retry, by key. Raises InvalidParams for what cannot be one."""
    if "inputResponses" not in params:
        return {}
    responses = params["inputResponses"]
    if not isinstance(responses, dict) or not all(isinstance(answer, dict) for answer in responses.values()):
        raise InvalidParams("params.inputResponses must be an object with an object for each question.")
    return {key: msgspec.Raw(codec.write(answer)) for key, answer in responses.items()}


def read_question(method: str, params: msgspec.Raw) -> Question:
    """What a worker asks, fit to be shown to a client of 2026-07-28. Raises UpstreamError for that worker."""
    try:
        return _question.decode(codec.write({"method": method, "params": _without_id(codec.sound(params))}))
    except (msgspec.MsgspecError, ParseError):
        raise UpstreamError(Internal.code, f"A client cannot be asked {method[:64]!r} in this way.") from None


def unusable(question: Question, capabilities: dict[str, object]) -> dict[str, object] | None:
    """The capability that a client lacks for this question; None when it may be asked."""
    match question.method:
        case "elicitation/create":
            elicitation = capabilities.get("elicitation")
            if not isinstance(elicitation, dict):
                return {"elicitation": {}}
            if _params(question).get("mode") == "url":
                return None if "url" in elicitation else {"elicitation": {"url": {}}}
            return None if not elicitation or "form" in elicitation else {"elicitation": {"form": {}}}
        case "sampling/createMessage":
            sampling = capabilities.get("sampling")
            if not isinstance(sampling, dict):
                return {"sampling": {}}
            params = _params(question)
            needs_tools = bool(params.get("tools") or params.get("toolChoice"))
            return {"sampling": {"tools": {}}} if needs_tools and "tools" not in sampling else None
        case "roots/list":
            return None if isinstance(capabilities.get("roots"), dict) else {"roots": {}}


def why_not(question: Question, answer: msgspec.Raw) -> str | None:
    """What keeps an answer from being one; None when it will do."""
    given: dict[str, Any] = msgspec.json.decode(answer)
    match question.method:
        case "elicitation/create":
            if given.get("action") not in _ACTIONS:
                return "its action is not accept, decline or cancel"
            schema = _params(question).get("requestedSchema")
            if given["action"] != "accept" or not isinstance(schema, dict):
                return None
            return _misfit(given.get("content"), schema)
        case "sampling/createMessage":
            if given.get("role") not in ("user", "assistant") or not isinstance(given.get("content"), (dict, list)):
                return "it has no role and content"
        case "roots/list":
            roots = given.get("roots")
            if not isinstance(roots, list) or not all(isinstance(root, dict) for root in roots):
                return "it has no list of roots"
    return None


def _misfit(content: object, schema: dict[str, Any]) -> str | None:
    try:
        validator = compile_schema(schema)
    except SchemaError:
        return None  # the server's own schema is at fault, and the server looks at the content as well
    if validator.is_valid(content):
        return None
    return f"its content does not fit the form: {next(iter(validator.iter_errors(content))).message[:200]}"


def _params(question: Question) -> dict[str, Any]:
    if not isinstance(question.params, msgspec.Raw):
        return {}
    params = msgspec.json.decode(question.params)
    return params if isinstance(params, dict) else {}


def _without_id(params: msgspec.Raw) -> object:
    """2026-07-28 has no `elicitationId` (EL-03). One made at random would also keep the question of a second run from
    being known as that of the first."""
    if b"elicitationId" not in memoryview(params).tobytes():
        return params
    given = codec.read(bytes(params))
    return {key: value for key, value in given.items() if key != "elicitationId"} if isinstance(given, dict) else params


_question = msgspec.json.Decoder(Question)
