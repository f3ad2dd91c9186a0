"""Serving a FastMCP server: what a sandbox worker and the in-memory client call.

    server = find_server(module, name)          the server object of a loaded module
    manifest = await describe(server)           what it offers, for the gateway to list
    result = await serve(server, method, params, exchange)

`serve` answers `tools/call`, `resources/read` and `prompts/get`, and for whoever has no manifest at hand
`server/discover`, `initialize`, `ping` and the four lists. Notifications of clients are told to it the same way, for
middleware to see; their result is nothing. Results are JSON objects of revision 2026-07-28 without `resultType`
and the caching members, which are the gateway's to add. JSON-RPC errors are raised as
`mcp_runtime.protocol.errors.McpError`; a tool that fails is a result with `isError` (FASTMCP T-32).

Cancel a call by cancelling the task that runs `serve`; when that task is done, no code of the call runs any more,
synchronous functions in threads included (see `running`). A server's lifespan is entered by its first call;
`await server.stop()` leaves it.

Details of errors are masked here and nowhere else (FASTMCP S-04).
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.asking.rounds import answered, checked_responses
from mcp_runtime.framework.completing import complete, completes
from mcp_runtime.framework.composition.sources import KINDS, LIST_METHODS, Kind
from mcp_runtime.framework.context import Context, entered
from mcp_runtime.framework.entrypoint import EntrypointError, find_server
from mcp_runtime.framework.exchange import AskingExchange, CannotAsk, Exchange
from mcp_runtime.framework.failures import as_rpc_error, as_tool_result
from mcp_runtime.framework.running import Interrupted
from mcp_runtime.framework.session_visibility import EVERYTHING, rules_of
from mcp_runtime.framework.types import Implementation, InitializeResult, plain
from mcp_runtime.framework.visibility import in_force
from mcp_runtime.protocol.errors import InvalidParams, MethodNotFound

if TYPE_CHECKING:
    from mcp_runtime.framework.server import FastMCP
    from mcp_runtime.ports.workers import Caller, Manifest

__all__ = ("AskingExchange", "CannotAsk", "EntrypointError", "Exchange", "describe", "find_server", "serve", "wants")


async def describe(server: FastMCP) -> Manifest:
    """What the server offers, each list in the order of registration. Raises what a faulty component raises.

    What its middleware adds to the lists is described too: the gateway offers nothing that is not in the manifest.
    """
    if server.sessions_switch:  # what one session sees may be more than others do
        token = in_force.set(EVERYTHING)
        try:
            return await _describe(server)
        finally:
            in_force.reset(token)
    return await _describe(server)


async def _describe(server: FastMCP) -> Manifest:
    from mcp_runtime.ports.workers import Manifest

    return Manifest(
        name=server.name,
        version=server.version,
        instructions=server.instructions,
        strict_input=server.strict_input_validation,
        tools=await _described(server, "tools"),
        resources=await _described(server, "resources"),
        resource_templates=await _described(server, "resourceTemplates"),
        prompts=await _described(server, "prompts"),
        varying=[_MANIFEST_LISTS[kind] for kind in KINDS if server.lists_vary(kind)] + wants(server),
    )


def wants(server: FastMCP) -> list[str]:
    """What the server wants to be asked or told that is no call, in the words of `Manifest.varying`."""
    looks = {
        "completions": completes(server),
        "initialize": server.intercepts("initialize") and server.chain.reworks("initialize"),
        "notifications": server.intercepts("notifications/", "notification") and server.chain.hears_notifications,
    }
    return [name for name, wanted in looks.items() if wanted]


async def serve(server: FastMCP, method: str, params: dict[str, Any], exchange: Exchange) -> object:
    """Answer one request. Raises McpError."""
    if server.sessions_switch:
        token = in_force.set(await rules_of(Context(server, exchange)))
        try:
            return await _serve(server, method, params, exchange)
        finally:
            in_force.reset(token)
    return await _serve(server, method, params, exchange)


async def _serve(server: FastMCP, method: str, params: dict[str, Any], exchange: Exchange) -> object:
    handler = _HANDLERS.get(method) or _answer_other
    if handler is _list and not server.lists_dynamically(_KINDS[method]):
        kind = _KINDS[method]
        return {kind: (await server.offer(kind)).encoded(framework_meta=server.include_fastmcp_meta)}
    await server.start()
    meta = params.get("_meta")
    meta = meta if isinstance(meta, dict) else None

    async def answer(responses: dict[str, Any] | None, state: str | None) -> object:
        context = Context(server, exchange, meta=meta, input_responses=responses, request_state=state)
        with entered(context):
            return await handler(server, method, params, context)

    result = await answer(checked_responses(params), params.get("requestState"))
    if isinstance(result, dict) and result.get("resultType") == "input_required":
        return await answered(result, exchange, answer)
    return result


async def _call_tool(server: FastMCP, method: str, params: dict[str, Any], context: Context) -> dict[str, Any]:
    name = _text(params, "name")
    try:
        result = await server.call(name, _object(params, "arguments"), context)
    except (Exception, SystemExit, Interrupted) as error:  # noqa: BLE001 - an author's code may raise anything
        return as_tool_result(error, name=name, masked=server.mask_error_details)
    if result.input_required is not None:
        return result.input_required.to_wire()
    answer: dict[str, Any] = {"content": [_wire(block) for block in result.content]}
    if result.structured_content is not None:
        answer["structuredContent"] = result.structured_content
    if result.is_error:
        answer["isError"] = True
    if result.meta:
        answer["_meta"] = result.meta
    return answer


async def _read_resource(server: FastMCP, method: str, params: dict[str, Any], context: Context) -> dict[str, Any]:
    uri = _text(params, "uri")
    try:
        contents = await server.read(uri, context)
    except (Exception, SystemExit, Interrupted) as error:  # an author's code may raise anything
        raise as_rpc_error(error, doing=f"reading resource {uri!r}", masked=server.mask_error_details) from error
    if contents.input_required is not None:
        return contents.input_required.to_wire()
    answer: dict[str, Any] = {"contents": [content.to_wire(uri) for content in contents]}
    if contents.meta:
        answer["_meta"] = contents.meta
    return answer


async def _get_prompt(server: FastMCP, method: str, params: dict[str, Any], context: Context) -> dict[str, Any]:
    name = _text(params, "name")
    try:
        return await server.render(name, _object(params, "arguments"), context)
    except (Exception, SystemExit, Interrupted) as error:  # an author's code may raise anything
        raise as_rpc_error(error, doing=f"rendering prompt {name!r}", masked=server.mask_error_details) from error


async def _list(server: FastMCP, method: str, params: dict[str, Any], context: Context) -> dict[str, Any]:
    kind = _KINDS[method]
    try:
        return {kind: await server.listing(kind, context)}
    except (Exception, SystemExit, Interrupted) as error:  # middleware is the author's code
        raise as_rpc_error(error, doing=f"answering {method}", masked=server.mask_error_details) from error


async def _complete(server: FastMCP, method: str, params: dict[str, Any], context: Context) -> object:
    async def answer(params: dict[str, Any]) -> Any:
        return await complete(server, params, context)

    try:
        if not server.intercepts(method):
            return await answer(params)
        from mcp_runtime.framework.middleware.requests import anything

        return plain(await anything(server.chain, method, params, context, answer))
    except (Exception, SystemExit, Interrupted) as error:  # an author's code may raise anything
        raise as_rpc_error(error, doing="completing an argument", masked=server.mask_error_details) from error


async def _answer_other(server: FastMCP, method: str, params: dict[str, Any], context: Context) -> object:
    """Requests that no component answers, and notifications."""
    answer = _ANSWERS.get(method)
    notification = method.startswith("notifications/")
    if not notification and answer is None:
        raise MethodNotFound(method)
    if not server.intercepts(method, "notification" if notification else "request"):
        return None if answer is None else plain(answer(server, params))
    from mcp_runtime.framework.middleware.requests import anything

    async def final(params: dict[str, Any]) -> Any:
        return None if answer is None else answer(server, params)

    try:
        return plain(await anything(server.chain, method, params, context, final))
    except (Exception, SystemExit, Interrupted) as error:  # middleware is the author's code
        raise as_rpc_error(error, doing=f"answering {method}", masked=server.mask_error_details) from error


def _discover(server: FastMCP, params: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "supportedVersions": ["2026-07-28"],
        "capabilities": _capabilities(server),
        "_meta": {"io.modelcontextprotocol/serverInfo": _info(server)},
    }
    if server.instructions is not None:
        answer["instructions"] = server.instructions
    return answer


def _initialize(server: FastMCP, params: dict[str, Any]) -> InitializeResult:
    """The handshake of older clients: an object, for `on_initialize` to look at."""
    wanted = params.get("protocolVersion")
    return InitializeResult(
        protocol_version=wanted if isinstance(wanted, str) else _LATEST_LEGACY,
        capabilities=_capabilities(server),
        server_info=Implementation(**_info(server)),
        instructions=server.instructions,
    )


def _capabilities(server: FastMCP) -> dict[str, Any]:
    capabilities: dict[str, Any] = {"tools": {}, "resources": {}, "prompts": {}, "logging": {}}
    return capabilities | {"completions": {}} if completes(server) else capabilities


def _info(server: FastMCP) -> dict[str, Any]:
    info: dict[str, Any] = {"name": server.name, "version": server.version}
    if server.website_url:
        info["websiteUrl"] = server.website_url
    if server.icons:
        info["icons"] = [icon.to_wire() for icon in server.icons]
    return info


async def _described(server: FastMCP, kind: Kind) -> list[dict[str, Any]]:
    """All that may be offered: the catalogue, with what middleware adds and changes where nobody in particular asks."""
    offer = await server.offer(kind)
    if not server.lists_dynamically(kind):
        return list(offer.definitions(framework_meta=server.include_fastmcp_meta))
    components = {component.key: component for component in offer}
    try:
        with entered(nobodys_context(server)) as context:
            components |= {component.key: component for component in await server.listed(kind, context)}
    except Exception:  # noqa: BLE001 - middleware is the author's code
        _log.exception("The middleware of %r fails to list %s for nobody in particular.", server.name, kind)
    return [component.definition(framework_meta=server.include_fastmcp_meta) for component in components.values()]


def nobodys_context(server: FastMCP) -> Context:
    """The context of a request that no client sent."""
    return Context(server, _NobodysExchange())


class _NobodysExchange:
    """A request that no client sent."""

    request_id = "describe"

    @functools.cached_property
    def caller(self) -> Caller:
        from mcp_runtime.ports.workers import Caller

        return Caller(request_id=self.request_id, subject="", client_id="")

    def log(self, level: str, logger: str | None, data: object) -> None:
        """Nobody listens."""

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        """Nobody waits."""


def _text(params: dict[str, Any], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str):
        raise InvalidParams(f"params.{name} is required, and it is a string.")
    return value


def _object(params: dict[str, Any], name: str) -> dict[str, Any]:
    value = params.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidParams(f"params.{name} is an object, not {type(value).__name__}.")
    return value


def _wire(block: Any) -> Any:
    return block if isinstance(block, dict) else block.to_wire()


_log = logging.getLogger(__name__)
_LATEST_LEGACY = "2025-11-25"
_MANIFEST_LISTS: dict[Kind, str] = {
    "tools": "tools",
    "resources": "resources",
    "resourceTemplates": "resource_templates",
    "prompts": "prompts",
}
_KINDS: dict[str, Kind] = {method: kind for kind, method in LIST_METHODS.items()}
_HANDLERS: dict[str, Callable[[FastMCP, str, dict[str, Any], Context], Awaitable[object]]] = {
    "tools/call": _call_tool,
    "resources/read": _read_resource,
    "prompts/get": _get_prompt,
    "completion/complete": _complete,
    **dict.fromkeys(_KINDS, _list),
}
_ANSWERS: dict[str, Callable[[FastMCP, dict[str, Any]], Any]] = {
    "server/discover": _discover,
    "initialize": _initialize,
    "ping": lambda server, params: {},
}
