"""Serving MCP: protocol, framework, sandbox and gateway. Knows no page and no table."""
