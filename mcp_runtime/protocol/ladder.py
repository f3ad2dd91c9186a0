"""Which era a message belongs to, and the order in which it is found wanting (PROTOCOL 1.2 to 1.4).

Pure functions over `RoutingHeaders` and a decoded body. They return a `Request`, a `Notification` or a `Reply`,
or raise the error of the first rung that fails. What follows needs no protocol knowledge: `Request.params` is an
object, its revision is known, and its id can be echoed.

These are structs because one or two are made for every message: a frozen dataclass takes ten times as long.
"""

from __future__ import annotations

import base64
import binascii
from typing import TypeAlias, TypeGuard

import msgspec

from mcp_runtime.protocol import errors
from mcp_runtime.protocol.messages import LOG_LEVELS
from mcp_runtime.protocol.versions import (
    ASSUMED_LEGACY,
    BY_NAME,
    CLIENT_CAPABILITIES_KEY,
    LOG_LEVEL_KEY,
    PROGRESS_KEY,
    PROTOCOL_VERSION_KEY,
    SUPPORTED,
    Revision,
)

RequestId: TypeAlias = str | int | float

NAMED_BY = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
"""The parameter that `Mcp-Name` repeats, by method (H-02)."""
SHARED_METHODS = frozenset(
    {
        "tools/list",
        "tools/call",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "prompts/list",
        "prompts/get",
    }
)
_MODERN_TASK_METHODS = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})
_LEGACY_TASK_METHODS = frozenset({"tasks/get", "tasks/result", "tasks/list", "tasks/cancel"})
TASK_METHODS = _MODERN_TASK_METHODS | _LEGACY_TASK_METHODS
MODERN_METHODS = (
    SHARED_METHODS | _MODERN_TASK_METHODS | {"completion/complete", "server/discover", "subscriptions/listen"}
)
LEGACY_METHODS = SHARED_METHODS | {"completion/complete", "initialize", "ping"}
SESSION_METHODS = (
    LEGACY_METHODS | _LEGACY_TASK_METHODS | {"logging/setLevel", "resources/subscribe", "resources/unsubscribe"}
)
"""Those that change a session need one."""
MAX_BATCH = 32
"""Messages in one array of a 2025-03-26 client."""


class RoutingHeaders(msgspec.Struct, frozen=True):
    """The headers that repeat parts of the body. Values are trimmed; names were lower case on the wire or made so."""

    version: str | None = None
    method: str | None = None
    name: str | None = None
    duplicated: str | None = None
    """The first of these headers that came twice."""


class Request(msgspec.Struct, frozen=True):
    id: RequestId
    method: str
    params: dict[str, object]
    revision: Revision
    capabilities: dict[str, object]
    """What the client said it can do: in this request (modern) or in this `initialize` (legacy)."""
    log_level: str | None
    """The lowest level of log messages this client wants; None for none."""
    progress_token: str | int | None


class Notification(msgspec.Struct, frozen=True):
    method: str
    params: dict[str, object]


class Reply(msgspec.Struct, frozen=True):
    """A client's answer to a request of ours."""

    id: object
    result: object
    error: object
    """None when it is a result."""


class Handshake(msgspec.Struct, frozen=True):
    """What `initialize` settled for the requests that follow it in a session."""

    revision: Revision
    capabilities: dict[str, object]
    log_level: str | None


Message: TypeAlias = Request | Notification | Reply

LEGACY_LOG_LEVEL = "info"
"""Until `logging/setLevel` says otherwise, and where there is no session to keep it: what is worth reading."""


def is_modern(headers: RoutingHeaders, body: dict[str, object]) -> bool:
    """Whether the modern ladder judges this message (PROTOCOL 1.2, step 4)."""
    version = headers.version
    if version is not None:
        revision = BY_NAME.get(version)
        if revision is None or revision.modern:
            return True
    params = body.get("params")
    if type(params) is not dict:
        return False
    meta = params.get("_meta")
    return type(meta) is dict and PROTOCOL_VERSION_KEY in meta


def judge(headers: RoutingHeaders, body: object, handshake: Handshake | None = None) -> Message:
    """One message of either era; `handshake` is that of the session it came in. Raises the McpError of the first rung
    that fails."""
    if type(body) is not dict:
        raise errors.InvalidRequest("The body must be one JSON-RPC object.")
    return modern(headers, body) if is_modern(headers, body) else legacy(headers, body, handshake)


def modern(headers: RoutingHeaders, body: dict[str, object]) -> Message:
    """The ladder of 2026-07-28 (PROTOCOL 1.3), rungs 1 to 8. Rung 9 is the business of whoever needs a capability."""
    method = _method(body)
    if method is None:
        raise errors.InvalidRequest("A client has nothing to answer at this protocol version: send requests.")
    if "id" not in body:
        return Notification(method, _params_of_notification(body))
    request_id = _request_id(body)
    params = _params(body)
    meta = params.get("_meta")
    if type(meta) is not dict:
        raise errors.InvalidParams(f"params._meta must be an object with {PROTOCOL_VERSION_KEY}.")
    version = meta.get(PROTOCOL_VERSION_KEY)
    if type(version) is not str:
        raise errors.InvalidParams(f"params._meta must have {PROTOCOL_VERSION_KEY}, a string.")
    capabilities = meta.get(CLIENT_CAPABILITIES_KEY)
    if type(capabilities) is not dict:
        raise errors.InvalidParams(f"params._meta must have {CLIENT_CAPABILITIES_KEY}, an object; {{}} will do.")
    _compare_headers(headers, version, method, params)
    revision = BY_NAME.get(version)
    if revision is None or not revision.modern:
        raise errors.UnsupportedProtocolVersion(version, SUPPORTED)
    if method not in MODERN_METHODS:
        raise errors.MethodNotFound(method)
    level = meta.get(LOG_LEVEL_KEY)
    if level is not None and level not in LOG_LEVELS:
        raise errors.InvalidParams(f"{LOG_LEVEL_KEY} must be one of {', '.join(LOG_LEVELS)}.")
    return Request(request_id, method, params, revision, capabilities, _text(level), _progress_token(meta))


def legacy(headers: RoutingHeaders, body: dict[str, object], handshake: Handshake | None = None) -> Message:
    """The ladder of the handshake revisions (PROTOCOL 1.4), in a session or without one."""
    if headers.duplicated is not None:
        raise errors.InvalidRequest(f"The header {headers.duplicated} came more than once.")
    method = _method(body)
    if method is None:
        return Reply(body.get("id"), body.get("result"), body.get("error"))
    if "id" not in body:
        return Notification(method, _params_of_notification(body))
    request_id = _request_id(body)
    params = _params(body)
    if method not in (LEGACY_METHODS if handshake is None else SESSION_METHODS):
        raise errors.MethodNotFound(method)
    meta = params.get("_meta")
    token = _progress_token(meta) if type(meta) is dict else None
    if handshake is not None:
        level = handshake.log_level or LEGACY_LOG_LEVEL
        return Request(request_id, method, params, handshake.revision, handshake.capabilities, level, token)
    revision = ASSUMED_LEGACY if headers.version is None else BY_NAME[headers.version]
    capabilities = params.get("capabilities") if method == "initialize" else None
    declared = capabilities if type(capabilities) is dict else {}
    return Request(request_id, method, params, revision, declared, LEGACY_LOG_LEVEL, token)


def batch(headers: RoutingHeaders, body: list[object], handshake: Handshake | None = None) -> list[object]:
    """The messages of an array, for clients of the one revision that had them (B-04). Raises InvalidRequest."""
    if handshake is not None:
        revision: Revision | None = handshake.revision
    else:
        revision = ASSUMED_LEGACY if headers.version is None else BY_NAME.get(headers.version)
    if revision is None or not revision.batching:
        raise errors.InvalidRequest("Batches ended with protocol version 2025-06-18: send one message at a time.")
    if not body:
        raise errors.InvalidRequest("The batch is empty.")
    if len(body) > MAX_BATCH:
        raise errors.InvalidRequest(f"The batch has {len(body)} messages, the limit is {MAX_BATCH}.")
    if any(type(message) is dict and message.get("method") == "initialize" for message in body):
        raise errors.InvalidRequest("initialize cannot be part of a batch.")
    if any(type(message) is dict and is_modern(headers, message) for message in body):
        raise errors.InvalidRequest("Messages of 2026-07-28 cannot be part of a batch.")
    return body


def readable_id(body: object) -> RequestId | None:
    """The id to echo in an error about `body`; None when there is none that may be echoed (B-01)."""
    request_id = body.get("id") if type(body) is dict else None
    return request_id if _is_request_id(request_id) else None


def decode_header_value(value: str) -> str | None:
    """The text in a header: as it is, or decoded from `=?base64?…?=`; None when that is malformed (H-03)."""
    if not (value.startswith(_OPENING) and value.endswith(_CLOSING) and len(value) >= len(_OPENING) + len(_CLOSING)):
        return value
    encoded = value[len(_OPENING) : -len(_CLOSING)]
    try:
        decoded = base64.b64decode(encoded, validate=True)
        if base64.b64encode(decoded).decode() != encoded:
            return None
        return decoded.decode()
    except (binascii.Error, ValueError):
        return None


def _method(body: dict[str, object]) -> str | None:
    """The method; None when the message is an answer."""
    if body.get("jsonrpc") != "2.0":
        raise errors.InvalidRequest('jsonrpc must be "2.0".')
    method = body.get("method")
    if method is None and ("result" in body or "error" in body):
        return None
    if type(method) is not str:
        raise errors.InvalidRequest("method must be a string.")
    return method


def _is_request_id(value: object) -> TypeGuard[RequestId]:
    return type(value) is str or type(value) is int or (type(value) is float and value.is_integer())


def _request_id(body: dict[str, object]) -> RequestId:
    value = body["id"]
    if not _is_request_id(value):
        raise errors.InvalidRequest("id must be a string or an integer.")
    return value


def _params(body: dict[str, object]) -> dict[str, object]:
    params = body.get("params", _ABSENT)
    if params is _ABSENT:
        return {}
    if type(params) is not dict:
        raise errors.InvalidParams("params must be an object.")
    return params


def _params_of_notification(body: dict[str, object]) -> dict[str, object]:
    """Notifications are never answered, so neither are their faults (B-03)."""
    params = body.get("params")
    return params if type(params) is dict else {}


def _progress_token(meta: dict[str, object]) -> str | int | None:
    token = meta.get(PROGRESS_KEY)
    return token if type(token) is str or type(token) is int else None


def _text(value: object) -> str | None:
    return value if type(value) is str else None


def _compare_headers(headers: RoutingHeaders, version: str, method: str, params: dict[str, object]) -> None:
    if headers.duplicated is not None:
        raise errors.HeaderMismatch(f"The header {headers.duplicated} came more than once.")
    if headers.version != version:
        raise _mismatch("MCP-Protocol-Version", headers.version, PROTOCOL_VERSION_KEY)
    if headers.method != method:
        raise _mismatch("Mcp-Method", headers.method, "method")
    parameter = NAMED_BY.get(method)
    if parameter is None:
        return
    in_body = params.get(parameter)
    if headers.name is None:
        # Of tasks the name may be left out, as the client of `fastmcp_tasks` 4.1 does: what is not there misleads
        # nobody on the way (H-02). A wrong one is refused.
        if type(in_body) is str and method not in _MODERN_TASK_METHODS:
            raise _mismatch("Mcp-Name", None, f"params.{parameter}")
    elif decode_header_value(headers.name) != in_body:
        raise _mismatch("Mcp-Name", headers.name, f"params.{parameter}")


def _mismatch(header: str, value: str | None, field_name: str) -> errors.HeaderMismatch:
    if value is None:
        return errors.HeaderMismatch(f"The header {header} is missing; it must repeat {field_name}.")
    return errors.HeaderMismatch(f"The header {header} is {errors.shown(value)}, which is not {field_name}.")


_OPENING, _CLOSING = "=?base64?", "?="
_ABSENT = object()
