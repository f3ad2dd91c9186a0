"""Where servers written for FastMCP import middleware and composition from (FASTMCP 0.1, 0.2, M, K)."""

from __future__ import annotations

import subprocess
import sys

import pytest

NAMES = """
fastmcp.server.middleware Middleware MiddlewareContext CallNext AuthMiddleware PingMiddleware
fastmcp.server.middleware.timing TimingMiddleware DetailedTimingMiddleware
fastmcp.server.middleware.logging LoggingMiddleware StructuredLoggingMiddleware
fastmcp.server.middleware.ratelimit RateLimitingMiddleware
fastmcp.server.middleware.rate_limiting RateLimitingMiddleware SlidingWindowRateLimitingMiddleware RateLimitError
fastmcp.server.middleware.caching ResponseCachingMiddleware CallToolSettings ListToolsSettings
fastmcp.server.middleware.errors ErrorHandlingMiddleware
fastmcp.server.middleware.error_handling ErrorHandlingMiddleware RetryMiddleware
fastmcp.server.middleware.response_limiting ResponseLimitingMiddleware
fastmcp.server.middleware.tool_injection ToolInjectionMiddleware PromptToolMiddleware ResourceToolMiddleware
fastmcp.server create_proxy
fastmcp.server.proxy FastMCPProxy ProxyClient ProxyTool
fastmcp.server.openapi RouteMap MCPType HTTPRoute
fastmcp.experimental.server.openapi RouteMap
fastmcp.server.providers Provider FastMCPProvider ProxyProvider OpenAPIProvider
fastmcp.server.providers.openapi OpenAPIProvider RouteMap
fastmcp.server.transforms Transform Namespace ToolTransform Visibility
fastmcp.tools forward ArgTransform
fastmcp.tools.tool_transform ArgTransform ArgTransformConfig ToolTransformConfig TransformedTool forward forward_raw
mcp.types CallToolRequestParams ListToolsRequest InitializeRequest
"""


@pytest.mark.fastmcp("M-01", "M-20", "M-21", "M-22", "M-23", "M-24", "M-25", "M-26", "M-27", "K-09")
def test_all_names_of_middleware_and_composition_are_importable() -> None:
    lines = [line.split() for line in NAMES.strip().splitlines()]
    program = "from mcp_runtime.framework import aliases\naliases.install()\n" + "\n".join(
        f"from {module} import {', '.join(names)}" for module, *names in lines
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    assert done.stderr == ""
