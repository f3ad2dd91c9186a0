"""Tools and resources from OpenAPI documents (FASTMCP K-09)."""

from __future__ import annotations

from mcp_runtime.framework.openapi.components import OpenAPIResource, OpenAPIResourceTemplate, OpenAPITool
from mcp_runtime.framework.openapi.documents import DocumentError, HTTPRoute, ParameterInfo, RequestBodyInfo
from mcp_runtime.framework.openapi.provider import OpenAPIProvider
from mcp_runtime.framework.openapi.routing import MCPType, RouteMap

__all__ = (
    "DocumentError",
    "HTTPRoute",
    "MCPType",
    "OpenAPIProvider",
    "OpenAPIResource",
    "OpenAPIResourceTemplate",
    "OpenAPITool",
    "ParameterInfo",
    "RequestBodyInfo",
    "RouteMap",
)
