"""`completion/complete` (PROTOCOL C-01): what is checked of it, and the values the published definitions know."""

from __future__ import annotations

from mcp_runtime.gateway.plans import CompiledPlan
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import InvalidParams, UnknownPrompt, UnknownResource
from mcp_runtime.protocol.ladder import Request
from mcp_runtime.protocol.versions import SERVER_INFO_KEY

MAX_VALUES = 100


def complete(request: Request, plan: CompiledPlan) -> bytes:
    """The result. Servers name no values, so it is empty for every argument there is. Raises InvalidParams."""
    reference, argument = request.params.get("ref"), request.params.get("argument")
    if not isinstance(reference, dict):
        raise InvalidParams("params.ref must be an object.")
    if (
        not isinstance(argument, dict)
        or not isinstance(argument.get("name"), str)
        or not isinstance(argument.get("value"), str)
    ):
        raise InvalidParams("params.argument must be an object with name and value, both strings.")
    match reference.get("type"):
        case "ref/prompt":
            name = reference.get("name")
            if not isinstance(name, str):
                raise InvalidParams("params.ref.name must be a string.")
            if name not in plan.prompts:
                raise UnknownPrompt(name)
        case "ref/resource":
            uri = reference.get("uri")
            if not isinstance(uri, str):
                raise InvalidParams("params.ref.uri must be a string.")
            if uri not in plan.resources and all(one.matcher.template != uri for one in plan.templates):
                raise UnknownResource(uri)
        case _:
            raise InvalidParams("params.ref.type must be ref/prompt or ref/resource.")
    result: dict[str, object] = {"completion": {"values": [], "total": 0, "hasMore": False}}
    if request.revision.modern:
        result |= {"resultType": "complete", "_meta": {SERVER_INFO_KEY: plan.server_info}}
    return codec.write(result)
