"""From a judged request to the bytes of its answer."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from mcp_runtime.connectors.failures import misbehaved
from mcp_runtime.connectors.upstream import Upstream
from mcp_runtime.gateway import completion, searching
from mcp_runtime.gateway.events import CallEvents
from mcp_runtime.gateway.paging import Pages
from mcp_runtime.gateway.plans import COMPLETE, LIST_KEYS, LIST_METHODS, CompiledPlan, Tool
from mcp_runtime.gateway.records import CallRecord
from mcp_runtime.gateway.searching import Search
from mcp_runtime.gateway.shown_headers import shown
from mcp_runtime.ports.sandboxes import Asker
from mcp_runtime.ports.tasks import TASK_SECONDS
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol import codec, param_headers, shaping
from mcp_runtime.protocol.errors import (
    Internal,
    InvalidParams,
    McpError,
    MethodNotFound,
    ParseError,
    UnknownPrompt,
    UnknownResource,
    UnknownTool,
)
from mcp_runtime.protocol.ladder import TASK_METHODS, Request
from mcp_runtime.protocol.messages import (
    Block,
    EmbeddedResource,
    InputRequired,
    Meta,
    PromptResult,
    ReadResult,
    ResourceContents,
    Result,
    ResultMessage,
    Text,
    ToolResult,
)
from mcp_runtime.protocol.versions import META, PROGRESS_KEY, SERVER_INFO_KEY, negotiate
from mcp_runtime.transports.asgi import Header
from mcp_runtime.transports.refusals import problem
from tenants.principal import Principal

MAX_VALIDATION_ERRORS = 5
MAX_VALIDATION_TEXT = 500

R = TypeVar("R", ToolResult, ReadResult, PromptResult)


class Call(msgspec.Struct):
    """One request on its way through the plan."""

    request: Request
    plan: CompiledPlan
    principal: Principal
    record: CallRecord
    events: CallEvents
    """Where the worker's notifications go."""
    asker: Asker | None = None
    """Puts the worker's questions to the client; None for clients that cannot be asked."""
    rounds: bool = False
    """Whether the client may be given questions as the answer (PROTOCOL 2.7)."""
    session: str | None = None
    """What the worker knows the client's session by."""
    sent: tuple[Header, ...] = ()
    """The HTTP headers of the request, all of them."""
    task: str | None = None
    """The task whose run this is: what was judged when the task was made is not judged again."""

    seconds: float | None = None
    """How long it may take, where that is not the server's own limit."""
    wrapped: bool = False
    """Whether it came by way of `call_tool` (`gateway.searching`), so that no header repeats its name or arguments."""

    def caller(self) -> Caller:
        """What the worker is told."""
        request, principal = self.request, self.principal
        return Caller(
            request_id=self.record.request_id,
            subject=principal.subject,
            client_id=principal.client_id,
            scopes=tuple(sorted(principal.scopes)),
            protocol_version=request.revision.name,
            client_capabilities=request.capabilities,
            progress=request.progress_token is not None or self.task is not None,
            log_level=request.log_level,
            session=self.session,
            headers=shown(self.sent),
            task=self.task,
            seconds=self.seconds,
        )


def answer_at_once(request: Request, plan: CompiledPlan, pages: Pages, principal: Principal) -> bytes | None:
    """The answer to what the plan alone can answer; None for what a server must be asked."""
    method = request.method
    if method in LIST_METHODS:
        if plan.live is not None or plan.varying(method):
            return None
        result = pages.page(request, plan, principal)
    elif method == "server/discover":
        result = plan.listing(method, request.revision)
    elif method == "initialize":
        result = plan.listing(method, negotiate(request.params.get("protocolVersion")))
    elif method == "ping":
        result = b"{}"
    elif method == "completion/complete":
        nothing = completion.nothing(request, plan)
        if nothing is None:
            return None
        result = nothing
    else:
        return None
    # The list was encoded when it was first asked for; only the id is new.
    return b'{"jsonrpc":"2.0","id":' + codec.write(request.id) + b',"result":' + result + b"}"


async def answer(call: Call) -> bytes:
    """Ask the server, and encode what it says for this client. Raises McpError."""
    if call.request.method in LIST_METHODS:
        return await (_list_for_caller(call) if call.plan.live is None else _list(call, call.plan.live))
    if call.request.method == COMPLETE:
        return await _complete(call)
    return encode(call, await ask_server(call))


async def ask_server(call: Call) -> Result | InputRequired:
    """What the server says, not yet shaped. InputRequired only where the call has `rounds`. Raises McpError."""
    match call.request.method:
        case "tools/call":
            return await _call_tool(call)
        case "resources/read":
            return await _read_resource(call)
        case "prompts/get":
            return await _get_prompt(call)
        case method if method in TASK_METHODS:
            raise MethodNotFound(method)  # nothing becomes a task here
        case method:
            raise AssertionError(f"The ladder let {method} through, and nothing answers it.")


def encode(call: Call, result: Result | InputRequired) -> bytes:
    """The answer for this client. Raises McpError for a result that cannot be sent on."""
    try:
        if isinstance(result, InputRequired):
            _sound_questions(result)
            result.meta = {**(result.meta or {}), SERVER_INFO_KEY: call.plan.server_info}
            return codec.write(ResultMessage(call.request.id, result))
        shaped = shaping.result(sound(result), call.request.revision, server_info=call.plan.server_info)
        return codec.write(ResultMessage(call.request.id, shaped))
    except ParseError as error:
        call.record.reason = f"A result that cannot be sent on: {error}"
        raise misbehaved(call.record.request_id) from None


async def _list(call: Call, upstream: Upstream) -> bytes:
    """A list from the one member that makes its lists itself."""
    request = call.request
    definitions = await _definitions(call, upstream, request.method)
    return codec.write(ResultMessage(request.id, call.plan.live_listing(request.method, definitions, request.revision)))


async def _list_for_caller(call: Call) -> bytes:
    """A list of which some members show each caller another part. A member that does not answer shows nothing."""
    request = call.request
    if request.params.get("cursor") is not None:
        raise InvalidParams("The cursor is not one that this list gave you: begin without one.")
    members = call.plan.varying(request.method)
    seen = await asyncio.gather(*(_seen(call, upstream, request.method) for upstream in members.values()))
    result = call.plan.listing_of(request.method, dict(zip(members, seen, strict=True)), request.revision)
    return codec.write(ResultMessage(request.id, result))


async def _seen(call: Call, upstream: Upstream, method: str) -> set[str]:
    key = {"resources/list": "uri", "resources/templates/list": "uriTemplate"}.get(method, "name")
    try:
        definitions = await _definitions(call, upstream, method)
    except McpError as error:
        call.record.reason = f"A member could not be listed: {error.message}"
        return set()
    return {str(one.get(key)) for one in definitions}


async def _definitions(call: Call, upstream: Upstream, method: str) -> list[dict[str, object]]:
    """One member's list for this caller. Raises McpError."""
    params: dict[str, object] = {"_meta": _passed_on(call.request.params.get("_meta"))}
    raw = await upstream.call(method, msgspec.Raw(codec.write(params)), caller=call.caller())
    try:
        found = codec.read(bytes(raw))
    except ParseError as error:
        call.record.reason = f"A list that cannot be sent on: {error}"
        raise misbehaved(call.record.request_id) from None
    definitions = found.get(LIST_KEYS[method]) if isinstance(found, dict) else None
    if not isinstance(definitions, list) or not all(isinstance(one, dict) for one in definitions):
        call.record.reason = f"Not a result of {method}."
        raise misbehaved(call.record.request_id)
    return definitions


async def _complete(call: Call) -> bytes:
    """Values for an argument, from the server that has it."""
    request = call.request
    found = completion.subject(request, call.plan)
    assert found.upstream is not None  # else it was answered at once
    raw = await found.upstream.call(COMPLETE, msgspec.Raw(codec.write(found.params)), caller=call.caller())
    try:
        result = completion.shaped(raw, request, call.plan)
    except ParseError as error:
        call.record.reason = f"An answer that cannot be sent on: {error.message}"[:200]
        raise misbehaved(call.record.request_id) from None
    return b'{"jsonrpc":"2.0","id":' + codec.write(request.id) + b',"result":' + result + b"}"


async def _call_tool(call: Call) -> ToolResult | InputRequired:
    search = call.plan.search
    if search is not None and not call.wrapped:
        match call.request.params.get("name"):
            case searching.SEARCH:
                return await _search(call, search)
            case searching.CALL:
                params = searching.wrapped(call.request.params)
                if str(params["name"]) not in call.plan.tools:
                    call.record.outcome = "tool_error"
                    return searching.unknown(str(params["name"]))
                call.request, call.wrapped = msgspec.structs.replace(call.request, params=params), True
    found = judged(call)
    if isinstance(found, ToolResult):
        return found
    tool, arguments = found
    result = await _use(call, tool.upstream, {"name": tool.upstream_name, "arguments": arguments}, _TOOL_RESULT)
    if isinstance(result, ToolResult) and result.is_error is True:
        call.record.outcome = "tool_error"
    return result


async def _search(call: Call, search: Search) -> ToolResult:
    call.record.name = searching.SEARCH
    arguments = call.request.params.get("arguments")
    members = search.varying
    seen = await asyncio.gather(*(_seen(call, upstream, "tools/list") for upstream in members.values()))
    return search.find(arguments if isinstance(arguments, dict) else {}, dict(zip(members, seen, strict=True)))


def judged(call: Call) -> tuple[Tool, dict[str, object]] | ToolResult:
    """The tool and its arguments; the answer, where the arguments will not do (E-01). Raises McpError."""
    params = call.request.params
    name = _string(params, "name")
    tool = call.plan.tool(name)
    if tool is None:
        raise UnknownTool(name)
    call.record.name = name
    if tool.guard is not None:
        tool.guard.admit(call.principal, call.record.request_id, counted=call.task is None)
    arguments = params.get("arguments")
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise InvalidParams("params.arguments must be an object.")
    if tool.task is not None:
        call.seconds = TASK_SECONDS
    if call.request.revision.modern and tool.marks and call.task is None and not call.wrapped:
        param_headers.compare(tool.marks, param_headers.given(call.sent), arguments)
    if tool.fault is not None:
        hint = "Its developer must change the tool's input schema."
        raise Internal(
            f"This tool cannot be called: {tool.fault}",
            data=problem("bad_schema", "upstream", hint, call.record.request_id),
        )
    if tool.validator is not None and not tool.validator.is_valid(arguments):
        call.record.outcome = "tool_error"
        return ToolResult(content=[Text(text=_why_invalid(tool.validator, arguments))], is_error=True)
    return tool, arguments


async def _read_resource(call: Call) -> ReadResult | InputRequired:
    uri = _string(call.request.params, "uri")
    found = call.plan.read(uri)
    if found is None:
        raise UnknownResource(uri)
    upstream, upstream_uri, call.record.name = found
    result = await _use(call, upstream, {"uri": upstream_uri}, _READ_RESULT)
    if isinstance(result, InputRequired):
        return result
    if upstream_uri != uri:
        for contents in result.contents:
            if contents.uri == upstream_uri:
                contents.uri = uri
    if not all(contents.has_one_body for contents in result.contents):
        call.record.reason = "Contents with both text and blob, or neither."
        raise misbehaved(call.record.request_id)
    return result


async def _get_prompt(call: Call) -> PromptResult | InputRequired:
    params = call.request.params
    name = _string(params, "name")
    prompt = call.plan.prompt(name)
    if prompt is None:
        raise UnknownPrompt(name)
    call.record.name = name
    arguments = params.get("arguments")
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict) or not all(isinstance(value, str) for value in arguments.values()):
        raise InvalidParams("params.arguments must be an object of strings.")
    missing = prompt.required - arguments.keys()
    if missing:
        raise InvalidParams(f"The prompt needs: {', '.join(sorted(missing))}.")
    return await _use(call, prompt.upstream, {"name": prompt.upstream_name, "arguments": arguments}, _PROMPT_RESULT)


async def _use(
    call: Call, upstream: Upstream, params: dict[str, object], decoder: msgspec.json.Decoder[R]
) -> R | InputRequired:
    request = call.request
    call.record.connector = upstream.kind
    if call.rounds:
        for member in ("inputResponses", "requestState"):
            if member in request.params:
                params[member] = request.params[member]
    meta = _passed_on(request.params.get("_meta"))
    trace = call.record.trace
    if trace is not None:
        meta["traceparent"] = trace.ask_server()
    if meta:
        params["_meta"] = meta
    try:
        raw = await upstream.call(
            request.method,
            msgspec.Raw(codec.write(params)),
            caller=call.caller(),
            on_event=call.events,
            asker=call.asker,
        )
    finally:
        call.record.credential = call.events.credential
        if trace is not None:
            trace.server_answered()
    try:
        if call.rounds and _INPUT_REQUIRED_MARK.search(raw):
            # The words may be part of an ordinary result, which is then no InputRequired.
            with contextlib.suppress(msgspec.ValidationError):
                return _INPUT_REQUIRED.decode(raw)
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        call.record.reason = f"Not a result of {request.method}: {error}"[:200]
        raise misbehaved(call.record.request_id) from None


def _passed_on(meta: object) -> dict[str, object]:
    """What a server sees of `_meta`: all but the protocol's own keys, for which it has its `Caller` (M-01)."""
    if not isinstance(meta, dict):
        return {}
    return {key: value for key, value in meta.items() if key != PROGRESS_KEY and not key.startswith(META)}


def _string(params: Mapping[str, object], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str):
        raise InvalidParams(f"params.{name} must be a string.")
    return value


def _why_invalid(validator: object, arguments: dict[str, object]) -> str:
    """For the model that made the call, which can then make a better one (E-01)."""
    lines = []
    for error in validator.iter_errors(arguments):  # type: ignore[attr-defined]
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
        lines.append(f"{'arguments' + where if where else 'arguments'}: {error.message[:MAX_VALIDATION_TEXT]}")
        if len(lines) == MAX_VALIDATION_ERRORS:
            break
    return "Input validation error: " + "; ".join(lines)


def sound(result: Result) -> Result:
    """Check every part that was skipped while decoding. Raises ParseError."""
    _sound_meta(result.meta)
    if isinstance(result, ToolResult):
        if isinstance(result.structured_content, msgspec.Raw):
            result.structured_content = codec.sound(result.structured_content)
        for block in result.content:
            _sound_block(block)
    elif isinstance(result, ReadResult):
        for contents in result.contents:
            _sound_contents(contents)
    else:
        for message in result.messages:
            _sound_block(message.content)
    return result


def _sound_questions(result: InputRequired) -> None:
    _sound_meta(result.meta)
    for question in result.input_requests.values():
        if isinstance(question.params, msgspec.Raw):
            question.params = codec.sound(question.params)


def _sound_block(block: Block) -> None:
    _sound_meta(block.meta)
    if isinstance(block, EmbeddedResource):
        _sound_contents(block.resource)


def _sound_contents(contents: ResourceContents) -> None:
    _sound_meta(contents.meta)


def _sound_meta(meta: Meta) -> None:
    if isinstance(meta, dict):
        for key, value in meta.items():
            meta[key] = codec.sound(value)


_TOOL_RESULT = msgspec.json.Decoder(ToolResult)
_READ_RESULT = msgspec.json.Decoder(ReadResult)
_PROMPT_RESULT = msgspec.json.Decoder(PromptResult)
_INPUT_REQUIRED = msgspec.json.Decoder(InputRequired)
_INPUT_REQUIRED_MARK = re.compile(rb'"input_required"')
