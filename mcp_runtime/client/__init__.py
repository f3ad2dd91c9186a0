"""The client: in memory for tests, over Streamable HTTP for the rest of the world."""

from __future__ import annotations

from mcp_runtime.client.client import Client
from mcp_runtime.client.results import CallToolResult

__all__ = ("CallToolResult", "Client")
