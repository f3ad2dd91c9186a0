"""Serving a FastMCP server: what a sandbox worker and the in-memory client call.

    server = find_server(module, name)          the server object of a loaded module
    manifest = await describe(server)           what it offers, for the gateway to list
    result = await serve(server, method, params, exchange)

`serve` answers `tools/call`, `resources/read` and `prompts/get`, and for whoever has no manifest at hand
`server/discover`, `ping` and the four lists. Results are JSON objects of revision 2026-07-28 without `resultType`
and the caching members, which are the gateway's to add. JSON-RPC errors are raised as
`mcp_runtime.protocol.errors.McpError`; a tool that fails is a result with `isError` (FASTMCP T-32).

Cancel a call by cancelling the task that runs `serve`; when that task is done, no code of the call runs any more,
synchronous functions in threads included (see `running`). A server's lifespan is entered by its first call;
`await server.stop()` leaves it.

Details of errors are masked here and nowhere else (FASTMCP S-04).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.context import Context, entered
from mcp_runtime.framework.entrypoint import EntrypointError, find_server
from mcp_runtime.framework.exchange import AskingExchange, CannotAsk, Exchange
from mcp_runtime.framework.failures import as_rpc_error, as_tool_result
from mcp_runtime.framework.running import Interrupted
from mcp_runtime.protocol.errors import InvalidParams, MethodNotFound

if TYPE_CHECKING:
    from mcp_runtime.framework.server import FastMCP
    from mcp_runtime.ports.workers import Manifest

__all__ = ("AskingExchange", "CannotAsk", "EntrypointError", "Exchange", "describe", "find_server", "serve")


async def describe(server: FastMCP) -> Manifest:
    """What the server offers, each list in the order of registration. Raises what a faulty component raises."""
    from mcp_runtime.ports.workers import Manifest

    return Manifest(
        name=server.name,
        version=server.version,
        instructions=server.instructions,
        strict_input=server.strict_input_validation,
        tools=list(server.definitions("tools")),
        resources=list(server.definitions("resources")),
        resource_templates=list(server.definitions("resourceTemplates")),
        prompts=list(server.definitions("prompts")),
    )


async def serve(server: FastMCP, method: str, params: dict[str, Any], exchange: Exchange) -> object:
    """Answer one request. Raises McpError."""
    handler = _HANDLERS.get(method)
    if handler is None:
        lister = _LISTS.get(method)
        if lister is None:
            raise MethodNotFound(method)
        return lister(server)
    await server.start()
    meta = params.get("_meta")
    with entered(Context(server, exchange, meta=meta if isinstance(meta, dict) else None)) as context:
        return await handler(server, params, context)


async def _call_tool(server: FastMCP, params: dict[str, Any], context: Context) -> dict[str, Any]:
    name = _text(params, "name")
    try:
        result = await server.call(name, _object(params, "arguments"), context)
    except (Exception, SystemExit, Interrupted) as error:  # noqa: BLE001 - an author's code may raise anything
        return as_tool_result(error, name=name, masked=server.mask_error_details)
    answer: dict[str, Any] = {"content": [_wire(block) for block in result.content]}
    if result.structured_content is not None:
        answer["structuredContent"] = result.structured_content
    if result.is_error:
        answer["isError"] = True
    if result.meta:
        answer["_meta"] = result.meta
    return answer


async def _read_resource(server: FastMCP, params: dict[str, Any], context: Context) -> dict[str, Any]:
    uri = _text(params, "uri")
    try:
        contents = await server.read(uri, context)
    except (Exception, SystemExit, Interrupted) as error:  # an author's code may raise anything
        raise as_rpc_error(error, doing=f"reading resource {uri!r}", masked=server.mask_error_details) from error
    answer: dict[str, Any] = {"contents": [content.to_wire(uri) for content in contents]}
    if contents.meta:
        answer["_meta"] = contents.meta
    return answer


async def _get_prompt(server: FastMCP, params: dict[str, Any], context: Context) -> dict[str, Any]:
    name = _text(params, "name")
    try:
        return await server.render(name, _object(params, "arguments"), context)
    except (Exception, SystemExit, Interrupted) as error:  # an author's code may raise anything
        raise as_rpc_error(error, doing=f"rendering prompt {name!r}", masked=server.mask_error_details) from error


def _discover(server: FastMCP) -> dict[str, Any]:
    capabilities: dict[str, Any] = {"tools": {}, "resources": {}, "prompts": {}, "logging": {}}
    info: dict[str, Any] = {"name": server.name, "version": server.version}
    if server.website_url:
        info["websiteUrl"] = server.website_url
    if server.icons:
        info["icons"] = [icon.to_wire() for icon in server.icons]
    answer: dict[str, Any] = {
        "supportedVersions": ["2026-07-28"],
        "capabilities": capabilities,
        "_meta": {"io.modelcontextprotocol/serverInfo": info},
    }
    if server.instructions is not None:
        answer["instructions"] = server.instructions
    return answer


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


_HANDLERS = {"tools/call": _call_tool, "resources/read": _read_resource, "prompts/get": _get_prompt}
_LISTS: dict[str, Any] = {
    "server/discover": _discover,
    "ping": lambda server: {},
    "tools/list": lambda server: {"tools": server.encoded_definitions("tools")},
    "resources/list": lambda server: {"resources": server.encoded_definitions("resources")},
    "resources/templates/list": lambda server: {"resourceTemplates": server.encoded_definitions("resourceTemplates")},
    "prompts/list": lambda server: {"prompts": server.encoded_definitions("prompts")},
}
