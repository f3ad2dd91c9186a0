"""What a client is told when an author's code fails; the one place where details are masked (FASTMCP S-04, T-32)."""

from __future__ import annotations

import logging
from typing import Any

from mcp_runtime.framework.components.prompt import MissingArguments
from mcp_runtime.framework.errors import PromptError, ResourceError, ToolError
from mcp_runtime.framework.functions.arguments import ArgumentError
from mcp_runtime.framework.running import Interrupted
from mcp_runtime.framework.types import ErrorData
from mcp_runtime.protocol.errors import Internal, InvalidParams, McpError

__all__ = ("MappedError", "as_rpc_error", "as_tool_result", "conceal")

_log = logging.getLogger(__name__)


class MappedError(McpError):
    """An author's error that middleware gave a code; `masked` is what is said where details are masked."""

    def __init__(self, message: str, *, code: int, masked: str) -> None:
        super().__init__(message, code=code)
        self.masked = masked


def as_tool_result(error: BaseException, *, name: str, masked: bool) -> dict[str, Any]:
    """The result with `isError` for a failed tool. Re-raises JSON-RPC errors as they are."""
    masked = masked or _is_concealed(error)
    if isinstance(error, McpError) and not isinstance(error, MappedError):
        raise _rebuilt(error)
    if isinstance(error, (ToolError, ResourceError, PromptError)):
        text = str(error)
    elif isinstance(error, MappedError):
        text = f"Error calling tool {name!r}: {error.masked if masked else error.message}"
    elif isinstance(error, ArgumentError):
        text = f"Error calling tool {name!r}: {error.masked}" if masked else str(error)
    else:
        _log.error("Error calling tool %r", name, exc_info=error)
        text = f"Error calling tool {name!r}" if masked else f"Error calling tool {name!r}: {_words(error)}"
    return {"content": [{"type": "text", "text": text}], "isError": True}


def as_rpc_error(error: BaseException, *, doing: str, masked: bool) -> McpError:
    """The JSON-RPC error for a failed resource or prompt; `doing` as in "reading resource 'data://x'"."""
    masked = masked or _is_concealed(error)
    if isinstance(error, MappedError):
        return McpError(error.masked if masked else error.message, code=error.code)
    if isinstance(error, McpError):
        return _rebuilt(error)
    if isinstance(error, (ToolError, ResourceError, PromptError)):
        return Internal(str(error))
    if isinstance(error, MissingArguments):
        return InvalidParams(str(error))
    if isinstance(error, ArgumentError):
        return InvalidParams(f"Error {doing}: {error.masked if masked else error}")
    _log.error("Error %s", doing, exc_info=error)
    return Internal(f"Error {doing}" if masked else f"Error {doing}: {_words(error)}")


def conceal(error: Exception) -> None:
    """Have the details masked whatever the outermost server says: a server it came through asked for that."""
    BaseException.__setattr__(error, _CONCEALED, True)  # past an author's own __setattr__


_CONCEALED = "_framework_concealed"


def _is_concealed(error: BaseException) -> bool:
    return hasattr(error, _CONCEALED) or (isinstance(error, MappedError) and hasattr(error.__cause__, _CONCEALED))


def _rebuilt(error: McpError) -> McpError:
    """`McpError(ErrorData(…))`, as authors of older servers write it, in our own form."""
    given: object = error.message
    if isinstance(given, ErrorData):
        return McpError(given.message, code=given.code, data=given.data)
    return error


def _words(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r})"
    if isinstance(error, Interrupted):
        return "it was interrupted"
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - an author's __str__ may raise anything
        return type(error).__name__
