"""What clients ask, as middleware sees it (FASTMCP M-05 to M-12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from mcp_runtime.framework.types.base import Model
from mcp_runtime.framework.types.definitions import Implementation

__all__ = (
    "CallToolRequestParams",
    "GetPromptRequestParams",
    "InitializeRequest",
    "InitializeRequestParams",
    "ListPromptsRequest",
    "ListResourceTemplatesRequest",
    "ListResourcesRequest",
    "ListToolsRequest",
    "Notification",
    "ReadResourceRequestParams",
    "Request",
)


class Request(Model):
    """Any request: its method and parameters."""

    method: str
    params: dict[str, Any] | None = None


class Notification(Model):
    """Any notification: its method and parameters."""

    method: str
    params: dict[str, Any] | None = None


class ListToolsRequest(Request):
    method: str = "tools/list"


class ListResourcesRequest(Request):
    method: str = "resources/list"


class ListResourceTemplatesRequest(Request):
    method: str = "resources/templates/list"


class ListPromptsRequest(Request):
    method: str = "prompts/list"


class CallToolRequestParams(Model):
    name: str
    arguments: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None


class ReadResourceRequestParams(Model):
    uri: str
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"uri": str}


class GetPromptRequestParams(Model):
    name: str
    arguments: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None


class InitializeRequestParams(Model):
    protocol_version: str = ""
    capabilities: dict[str, Any] | None = None
    client_info: Implementation | None = None
    meta: dict[str, Any] | None = None

    _nested: ClassVar[Mapping[str, Any]] = {"client_info": Implementation.from_wire}


class InitializeRequest(Model):
    method: str = "initialize"
    params: InitializeRequestParams

    _nested: ClassVar[Mapping[str, Any]] = {"params": InitializeRequestParams.from_wire}
