"""The same file, served by fastmcp as its users serve it: no key, no sandbox, plain JSON answers, no sessions."""

from __future__ import annotations

from benchmarks.servers.add import mcp

app = mcp.http_app(path="/mcp", stateless_http=True, json_response=True)
