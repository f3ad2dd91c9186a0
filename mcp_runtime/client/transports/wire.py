"""JSON-RPC as clients read and write it (PROTOCOL 2.1), whatever carries it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import msgspec

from mcp_runtime.client.handlers import Handlers
from mcp_runtime.client.transports.eras import MODERN
from mcp_runtime.framework.errors import ClientError, FrameworkError
from mcp_runtime.framework.exchange import CannotAsk
from mcp_runtime.framework.types import Implementation, InitializeResult
from mcp_runtime.protocol.errors import Internal, McpError, MethodNotFound

__all__ = ("discovered", "encoded", "object_in", "reached", "remote_error", "replied", "supported_versions")


@contextlib.contextmanager
def reached(url: str) -> Iterator[None]:
    """Say which server could not be reached, and why. Raises ClientError."""
    import httpx2

    try:
        yield
    except httpx2.HTTPError as error:
        raise ClientError(f"{url} cannot be reached: {str(error) or type(error).__name__}") from error


def encoded(message: dict[str, Any]) -> bytes:
    return msgspec.json.encode(message)


def object_in(text: str | bytes) -> dict[str, Any]:
    """The message in a text. Raises ClientError."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ClientError("The server answered with something that is not JSON.") from error
    if not isinstance(value, dict):
        raise ClientError("The server answered with JSON that is no JSON-RPC message.")
    return value


async def replied(message: dict[str, Any], handlers: Handlers) -> dict[str, Any]:
    """The response to a server's question. A handler that fails becomes an error, and the connection lives on."""
    method = str(message["method"])
    reply: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
    try:
        reply["result"] = {} if method == "ping" else await handlers.asked(method, message.get("params") or {})
    except CannotAsk as error:
        reply["error"] = MethodNotFound(method).as_object() | {"message": str(error)}
    except (McpError, FrameworkError) as error:
        reply["error"] = Internal(str(error)).as_object()
    except Exception as error:  # noqa: BLE001 - the handler is the program's own code, and the server waits
        reply["error"] = Internal(f"The client's handler of {method} failed: {type(error).__name__}").as_object()
    return reply


def remote_error(error: dict[str, Any]) -> McpError:
    """The exception for an `error` member."""
    return McpError(str(error.get("message", "")), code=error.get("code"), data=error.get("data"))


def supported_versions(error: McpError) -> list[str]:
    """The versions a server named when it refused ours (PROTOCOL V-06)."""
    data = error.data
    versions = data.get("supported") if error.code == -32022 and isinstance(data, dict) else None
    return [version for version in versions if isinstance(version, str)] if isinstance(versions, list) else []


def discovered(found: dict[str, Any]) -> InitializeResult:
    """Who a modern server is, from its answer to `server/discover`."""
    info = (found.get("_meta") or {}).get("io.modelcontextprotocol/serverInfo") or {"name": ""}
    return InitializeResult(
        protocol_version=MODERN,
        capabilities=found.get("capabilities") or {},
        server_info=Implementation.from_wire(info),
        instructions=found.get("instructions"),
    )
