"""`completion/complete` (PROTOCOL C-01): what is checked of it, and who is asked for values."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from mcp_runtime.connectors.upstream import Upstream
from mcp_runtime.gateway.plans import COMPLETE, CompiledPlan
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import InvalidParams, ParseError, UnknownPrompt, UnknownResource
from mcp_runtime.protocol.ladder import Request
from mcp_runtime.protocol.versions import SERVER_INFO_KEY

MAX_VALUES = 100


class Completion(msgspec.Struct, omit_defaults=True, rename="camel"):
    """Values for an argument, as a server names them."""

    values: list[str]
    total: int | None = None
    has_more: bool | None = None


class _Answer(msgspec.Struct):
    completion: Completion


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose argument it is, and under which name its server knows it."""

    upstream: Upstream | None
    """None where no server has values for it."""
    params: dict[str, object]


def subject(request: Request, plan: CompiledPlan) -> Subject:
    """Raises InvalidParams, UnknownPrompt, UnknownResource."""
    reference, argument = request.params.get("ref"), request.params.get("argument")
    if not isinstance(reference, dict):
        raise InvalidParams("params.ref must be an object.")
    if (
        not isinstance(argument, dict)
        or not isinstance(argument.get("name"), str)
        or not isinstance(argument.get("value"), str)
    ):
        raise InvalidParams("params.argument must be an object with name and value, both strings.")
    given = request.params.get("context", {})
    if not isinstance(given, dict):
        raise InvalidParams("params.context must be an object.")
    found, named = _found(reference, plan)
    if found not in plan.varying(COMPLETE).values():
        found = None
    params: dict[str, object] = {
        "ref": named,
        "argument": argument,
        "context": {"arguments": given.get("arguments") or {}},
    }
    return Subject(found, params)


def _found(reference: dict[str, object], plan: CompiledPlan) -> tuple[Upstream | None, dict[str, object]]:
    match reference.get("type"):
        case "ref/prompt":
            name = reference.get("name")
            if not isinstance(name, str):
                raise InvalidParams("params.ref.name must be a string.")
            prompt = plan.prompt(name)
            if prompt is None:
                raise UnknownPrompt(name)
            return prompt.upstream, {"type": "ref/prompt", "name": prompt.upstream_name}
        case "ref/resource":
            uri = reference.get("uri")
            if not isinstance(uri, str):
                raise InvalidParams("params.ref.uri must be a string.")
            for template in plan.templates:
                if template.matcher.template == uri:
                    known_as = template.upstream_template or uri
                    return template.upstream, {"type": "ref/resource", "uri": known_as}
            if uri in plan.resources:
                return None, {}
            if plan.live is None:
                raise UnknownResource(uri)
            return plan.live, {"type": "ref/resource", "uri": uri}
        case _:
            raise InvalidParams("params.ref.type must be ref/prompt or ref/resource.")


def nothing(request: Request, plan: CompiledPlan) -> bytes | None:
    """The result where nobody names values; None where a server must be asked. Raises InvalidParams."""
    if subject(request, plan).upstream is not None:
        return None
    return _result(Completion([], 0, False), request, plan)


def shaped(raw: msgspec.Raw, request: Request, plan: CompiledPlan) -> bytes:
    """The result, of what the server said. Raises ParseError for what is no completion."""
    try:
        completion = _decode(raw).completion
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"no completion: {error}") from None
    if len(completion.values) > MAX_VALUES:
        completion = Completion(completion.values[:MAX_VALUES], completion.total, True)
    return _result(completion, request, plan)


def _result(completion: Completion, request: Request, plan: CompiledPlan) -> bytes:
    result: dict[str, object] = {"completion": completion}
    if request.revision.modern:
        result |= {"resultType": "complete", "_meta": {SERVER_INFO_KEY: plan.server_info}}
    return codec.write(result)


_decode = msgspec.json.Decoder(_Answer).decode
