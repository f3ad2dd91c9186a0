"""The same file, served by fastmcp as its users serve it: no key, no sandbox, plain JSON answers, no sessions."""

from __future__ import annotations

import os

from benchmarks.servers import tool_names
from benchmarks.servers.add import mcp

for _name in tool_names(int(os.environ.get("STOA_BENCH_TOOLS", "1")))[1:]:

    @mcp.tool(name=_name, description=f"{_name} two numbers")
    def _more(a: int, b: int) -> int:
        return a + b


app = mcp.http_app(path="/mcp", stateless_http=True, json_response=True)
