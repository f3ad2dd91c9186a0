"""The same tool on the `mcp` SDK's low-level server: no key, no sessions, plain JSON answers, no schema checks."""

from __future__ import annotations

import json
import os

from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server

from benchmarks.servers import tool_names

_SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}
_TOOLS = [
    types.Tool(name=name, description=f"{name} two numbers", input_schema=_SCHEMA)
    for name in tool_names(int(os.environ.get("STOA_BENCH_TOOLS", "1")))
]


async def _list(
    context: ServerRequestContext[object], params: types.PaginatedRequestParams | None
) -> types.ListToolsResult:
    return types.ListToolsResult(tools=_TOOLS)


async def _call(context: ServerRequestContext[object], params: types.CallToolRequestParams) -> types.CallToolResult:
    arguments = params.arguments or {}
    total = arguments["a"] + arguments["b"]
    text = types.TextContent(type="text", text=json.dumps(total))
    return types.CallToolResult(content=[text], structured_content={"result": total})


server: Server[object] = Server("add", on_list_tools=_list, on_call_tool=_call)
app = server.streamable_http_app(json_response=True, stateless_http=True)
