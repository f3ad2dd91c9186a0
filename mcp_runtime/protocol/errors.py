"""Everything that is answered as a JSON-RPC error (PROTOCOL 1.3, 2.9).

    McpError                        any code; `status` is the HTTP status a 2026-07-28 client gets
    ├── ParseError                  -32700  400   the body is not JSON as we read it
    ├── InvalidRequest              -32600  400   JSON, but not one request
    ├── MethodNotFound              -32601  404
    ├── InvalidParams               -32602  400
    │   ├── UnknownTool                     200
    │   ├── UnknownPrompt                   200
    │   ├── UnknownTask                     200
    │   └── UnknownResource                 200   legacy clients get -32002 instead
    ├── Internal                    -32603  200   the fault is ours or the server's, never the caller's
    ├── HeaderMismatch              -32020  400   headers and body disagree
    ├── MissingClientCapability     -32021  400   legacy clients get -32601 instead
    └── UnsupportedProtocolVersion  -32022  400

Legacy clients get HTTP 200 with every error that answers a request (PROTOCOL 1.4): see `legacy_status`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = (
    "HeaderMismatch",
    "Internal",
    "InvalidParams",
    "InvalidRequest",
    "McpError",
    "MethodNotFound",
    "MissingClientCapability",
    "ParseError",
    "UnknownPrompt",
    "UnknownResource",
    "UnknownTask",
    "UnknownTool",
    "UnsupportedProtocolVersion",
)


class McpError(Exception):
    """A JSON-RPC error on its way to the client. Raise a leaf; raise this one for a code of your own (E-02)."""

    code: int = -32603
    status: int = 200
    """The HTTP status of the answer to a 2026-07-28 client."""
    legacy_status: int = 200
    """The HTTP status of the answer to an older client: their SDKs take 4xx for a broken transport."""

    def __init__(self, message: str, *, code: int | None = None, data: object = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.data = data

    @property
    def legacy_code(self) -> int:
        """The code older clients know for this error."""
        return self.code

    def as_object(self, *, legacy: bool = False) -> dict[str, object]:
        """The `error` member of the answer."""
        error: dict[str, object] = {"code": self.legacy_code if legacy else self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return error


class ParseError(McpError):
    code = -32700
    status = legacy_status = 400

    def __init__(self, why: str) -> None:
        super().__init__(f"The body cannot be read as JSON: {why}")


class InvalidRequest(McpError):
    code = -32600
    status = legacy_status = 400


class MethodNotFound(McpError):
    code = -32601
    status = 404

    def __init__(self, method: str, why: str | None = None) -> None:
        super().__init__(why or f"No method named {shown(method)} here.")
        self.method = method


class InvalidParams(McpError):
    code = -32602
    status = 400


class UnknownTool(InvalidParams):
    status = 200

    def __init__(self, name: str) -> None:
        super().__init__(f"No tool named {shown(name)} on this server.")
        self.name = name


class UnknownPrompt(InvalidParams):
    status = 200

    def __init__(self, name: str) -> None:
        super().__init__(f"No prompt named {shown(name)} on this server.")
        self.name = name


class UnknownTask(InvalidParams):
    """Never made, over its time, or somebody else's: one answer for all (PROTOCOL TK-03)."""

    status = 200

    def __init__(self) -> None:
        super().__init__("There is no such task.")


class UnknownResource(InvalidParams):
    status = 200

    def __init__(self, uri: str) -> None:
        super().__init__(f"No resource at {shown(uri)} on this server.", data={"uri": uri[:_LONGEST_URI]})
        self.uri = uri

    @property
    def legacy_code(self) -> int:
        return -32002


class Internal(McpError):
    """Says what failed and what to do, without a word of how the inside looks (E-02)."""

    code = -32603


class HeaderMismatch(McpError):
    code = -32020
    status = legacy_status = 400


class MissingClientCapability(McpError):
    """`required` is a ClientCapabilities object, for example `{"elicitation": {}}`."""

    code = -32021
    status = 400

    def __init__(self, required: Mapping[str, object]) -> None:
        names = ", ".join(sorted(required))
        super().__init__(f"This needs a client that declares: {names}.", data={"requiredCapabilities": dict(required)})
        self.required = dict(required)

    @property
    def legacy_code(self) -> int:
        return MethodNotFound.code


class UnsupportedProtocolVersion(McpError):
    code = -32022
    status = legacy_status = 400

    def __init__(self, requested: str, supported: Sequence[str]) -> None:
        super().__init__(
            f"Protocol version {shown(requested)} is not supported; use one of {', '.join(supported)}.",
            data={"supported": list(supported), "requested": requested[:_LONGEST_NAME]},
        )
        self.requested = requested


_LONGEST_NAME = 128
_LONGEST_URI = 2048


def shown(name: str) -> str:
    """A client's own word, quoted and cut, fit for a message or a log line."""
    if len(name) > _LONGEST_NAME:
        name = name[:_LONGEST_NAME] + "…"
    return repr(name)
